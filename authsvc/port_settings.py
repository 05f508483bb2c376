"""The settings of the gRPC port: TLS, and what a peer may ask for; a part of the configuration."""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from authsvc.configuration_values import Duration

_SECOND, _MINUTE, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


class PortSettings(BaseModel):
    """What an operator can decide of the port."""

    tls_cert: Path | None = Field(
        default=None,
        description="File with the certificate of the gRPC port and those that lead to its CA, in "
        "PEM: the port then speaks TLS alone. It is read anew when it changes.",
    )
    tls_key: Path | None = Field(
        default=None, description="File with the private key of that certificate, in PEM."
    )
    tls_client_ca: Path | None = Field(
        default=None,
        description="File with the CAs of client certificates, in PEM: whoever calls must then "
        "show one (mutual TLS).",
    )
    tls_terminated_by_mesh: bool = Field(
        default=False,
        description="States that a mesh or proxy encrypts all traffic to the gRPC port, which may "
        "then listen off loopback without TLS.",
    )
    server_deadline: Duration = Field(
        default=10 * _SECOND,
        ge=_SECOND,
        le=5 * _MINUTE,
        description="Longest time that a call may take.",
    )
    max_message_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=65536,
        le=64 * 1024 * 1024,
        description="Largest request, in bytes.",
    )
    max_metadata_bytes: int = Field(
        default=16 * 1024,
        ge=8192,
        le=1024 * 1024,
        description="Largest metadata of a call, in bytes.",
    )
    max_concurrent_streams: int = Field(
        default=128, ge=100, le=65536, description="Open calls of one connection."
    )
    max_connection_age: Duration = Field(
        default=30 * _MINUTE,
        ge=_MINUTE,
        le=30 * _DAY,
        description="Age at which a connection is renewed.",
    )
    drain_grace: Duration = Field(
        default=10 * _SECOND,
        ge=timedelta(0),
        le=10 * _MINUTE,
        description="How long calls in flight may take to finish after SIGTERM.",
    )
