"""The connection to the server, and the proof of who calls."""

import grpc

API_KEY = "x-authsvc-api-key"

_OPTIONS = (
    # A dead connection is noticed, and a new one tried, well within the allowed staleness.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

Metadata = tuple[tuple[str, str], ...]


def connect(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    """Open a channel; without credentials it is not encrypted, which suits loopback only."""
    if credentials is None:
        return grpc.insecure_channel(target, _OPTIONS)
    return grpc.secure_channel(target, credentials, _OPTIONS)


def proof(api_key: str | None) -> Metadata:
    """Give the metadata that proves who calls."""
    return ((API_KEY, api_key),) if api_key else ()
