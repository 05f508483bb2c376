"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SERVER = "127.0.0.1:50051"

TAKES_BASE64URL = {"ignore_unknown_options": True}
"""The settings of a command whose argument is base64url: one in 64 begins with a dash, which is no
option then."""

SERVER_CA = "AUTHSVC_SERVER_CA"
SERVER_NAME = "AUTHSVC_SERVER_NAME"
CLIENT_CERT = "AUTHSVC_CLIENT_CERT"
CLIENT_KEY = "AUTHSVC_CLIENT_KEY"
"""Where commands that call a server find what they speak TLS with."""

Server = Annotated[
    str, typer.Option("--server", envvar="AUTHSVC_SERVER", help="gRPC address of the server.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data directory (AUTHSVC_DATA).")]
Listen = Annotated[
    str | None, typer.Option("--listen", help="gRPC address, HOST:PORT (AUTHSVC_LISTEN).")
]
Http = Annotated[str | None, typer.Option("--http", help="HTTP address, HOST:PORT (AUTHSVC_HTTP).")]
Transport = Annotated[
    str | None,
    typer.Option("--transport", help="What speaks HTTP/2, grpcio or native (AUTHSVC_TRANSPORT)."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
