"""Addresses to listen on: HOST:PORT, with an IPv6 host in brackets."""

import ipaddress

_PORTS = range(65536)


def parse_address(address: str) -> tuple[str, int]:
    """Give host and port.

    Raises:
        ValueError: It is not HOST:PORT.

    """
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if (
        not (colon and host and port.isascii() and port.isdigit())
        or int(port) not in _PORTS
        or (":" in host and not bracketed)
    ):
        message = "is not an address; write HOST:PORT, for instance 127.0.0.1:50051"
        raise ValueError(message)
    return host.strip("[]"), int(port)


def format_address(host: str, port: int) -> str:
    """Give HOST:PORT, with brackets around an IPv6 host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(address: str) -> bool:
    """Say whether only this machine can reach the address; of names only localhost can."""
    host, _ = parse_address(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
