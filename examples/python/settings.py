"""Where authsvc is, and whose tokens are believed, from the environment."""

import os
from datetime import timedelta
from pathlib import Path

import grpc

from authsvc.client import Verifier
from authsvc.client.connection import connect, proof


def get(name: str, otherwise: str) -> str:
    """Give a setting."""
    return os.environ.get(name) or otherwise


def channel() -> grpc.Channel:
    """Open a channel to AUTHSVC_ADDRESS, encrypted if AUTHSVC_CACERT names who vouches for it."""
    cacert = get("AUTHSVC_CACERT", "")
    credentials = grpc.ssl_channel_credentials(Path(cacert).read_bytes()) if cacert else None
    return connect(get("AUTHSVC_ADDRESS", "127.0.0.1:50051"), credentials)


def api_key() -> str | None:
    """Give the proof of which service calls, if AUTHSVC_API_KEY holds one."""
    return get("AUTHSVC_API_KEY", "") or None


def metadata() -> tuple[tuple[str, str], ...]:
    """Give the metadata that every call carries."""
    return proof(api_key())


def verifier(to: grpc.Channel) -> Verifier:
    """Follow the server at the other end of a channel."""
    return Verifier(
        to,
        issuer=get("AUTHSVC_ISSUER", "https://authsvc.localhost"),
        audience=get("AUTHSVC_AUDIENCE", "authsvc"),
        api_key=api_key(),
        max_staleness=timedelta(seconds=float(get("AUTHSVC_MAX_STALENESS", "10s").rstrip("s"))),
    )
