"""Where events are relayed to, as an operator writes it: `NAME=URL`.

No fault that is found repeats any of a URL: it may hold a password.
"""

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_SASL = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of broker, and how its URL is written."""

    title: str
    example: str
    path: str
    """What follows the host and a slash, as a pattern."""
    port: int = 0
    hosts: int = 1
    """How many it may name."""
    options: frozenset[str] = frozenset()
    extra: str = ""
    """What has to be installed for it."""
    module: str = ""
    """What comes with the extra."""


REDIS = Kind(
    title="Redis Streams",
    example="redis://HOST:6379/0?stream=NAME",
    path=r"[0-9]{0,4}",
    port=6379,
    options=frozenset({"stream", "max_length"}),
)
REDIS_SOCKET = Kind(
    title="Redis Streams",
    example="unix:///PATH/OF/SOCKET?stream=NAME",
    path=r".+",
    hosts=0,
    options=frozenset({"stream", "max_length"}),
)
RABBITMQ = Kind(
    title="RabbitMQ",
    example="amqp://USER:PASSWORD@HOST:5672/VHOST?exchange=NAME",
    path=r".*",
    port=5672,
    options=frozenset({"exchange", "queue"}),
    extra="rabbitmq",
    module="pika",
)
KAFKA = Kind(
    title="Kafka",
    example="kafka://HOST:9092/TOPIC",
    path=r"[A-Za-z0-9._-]{1,249}",
    port=9092,
    hosts=100,
    options=frozenset({"sasl"}),
    extra="kafka",
    module="confluent_kafka",
)
NATS = Kind(
    title="NATS JetStream",
    example="nats://HOST:4222/SUBJECT",
    path=r"[^\s.*>$]+(\.[^\s.*>]+)*",
    port=4222,
    hosts=100,
    extra="nats",
    module="nats",
)
SNS = Kind(
    title="AWS SNS",
    example="sns:arn:aws:sns:REGION:ACCOUNT:TOPIC.fifo",
    # Topics that are not FIFO keep no order.
    path=r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,251}\.fifo",
    hosts=0,
    options=frozenset({"endpoint"}),
    extra="sns",
    module="boto3",
)

_SCHEMES: Mapping[str, tuple[Kind, bool]] = {
    "redis": (REDIS, False),
    "rediss": (REDIS, True),
    "unix": (REDIS_SOCKET, False),
    "amqp": (RABBITMQ, False),
    "amqps": (RABBITMQ, True),
    "kafka": (KAFKA, False),
    "kafkas": (KAFKA, True),
    "nats": (NATS, False),
    "natss": (NATS, True),
    "sns": (SNS, False),
}
"""What a URL begins with, and whether TLS is spoken then."""

_WITH_AUTHORITY = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_TLS_PORTS = {RABBITMQ.title: 5671}


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkAddress:
    """Where a sink is, and how to get at it."""

    name: str
    kind: Kind
    has_tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    """What follows the host and a slash."""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def authorities(self) -> list[str]:
        """Each host and port as a URL has them, IPv6 addresses in brackets (RFC 3986, 3.2)."""
        return [
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts
        ]


def parse_sinks(text: str) -> tuple[SinkAddress, ...]:
    """Read `NAME=URL`, with spaces or lines between.

    Raises:
        ValueError: One is not of this form, or two share a name. The message holds no URL.

    """
    sinks: dict[str, SinkAddress] = {}
    for entry in text.split():
        name, _, url = entry.partition("=")
        if not _NAME.fullmatch(name):
            raise ValueError("has an entry without a name; write NAME=URL, the name in a-z, 0-9, -")
        if name in sinks:
            raise ValueError(f"has two entries with the name {name}")
        try:
            sinks[name] = _parse(name, url)
        except ValueError as error:
            raise ValueError(f"has a sink, {name}, {error}") from None
    return tuple(sinks.values())


def missing_extras(sinks: Iterable[SinkAddress]) -> Iterator[str]:
    """Say what has to be installed for these sinks."""
    for kind in dict.fromkeys(sink.kind for sink in sinks):
        if kind.module and importlib.util.find_spec(kind.module) is None:
            yield (
                f"names {kind.title}, for which a client is missing. Run: pip install "
                f"'authsvc[{kind.extra}]'"
            )


def _parse(name: str, url: str) -> SinkAddress:
    scheme, _, _ = url.partition(":")
    if scheme not in _SCHEMES:
        raise ValueError(f"that begins with none of {' '.join(f'{one}:' for one in _SCHEMES)}")
    kind, has_tls = _SCHEMES[scheme]
    try:
        authority, parts = _split(url)
        username, password = _credentials(authority)
        address = SinkAddress(
            name=name,
            kind=kind,
            has_tls=has_tls,
            hosts=tuple(_hosts(authority, _TLS_PORTS.get(kind.title, 0) if has_tls else 0, kind)),
            path=_path(parts, kind),
            username=username,
            password=password,
            options=dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {},
        )
    except ValueError:
        raise ValueError(f"that can't be read; write {kind.example}") from None
    for fault in _faults(address):
        raise ValueError(fault)
    return address


def _split(url: str) -> tuple[str, SplitResult]:
    """Give the authority (RFC 3986, 3.2) apart: urlsplit knows none that names several hosts."""
    found = _WITH_AUTHORITY.fullmatch(url)
    if found is None:
        return "", urlsplit(url)
    return found["authority"], urlsplit(f"{found['scheme']}://-{found['rest']}")


def _credentials(authority: str) -> tuple[str, str]:
    user_info = authority.rpartition("@")[0]
    username, _, password = user_info.partition(":")
    return unquote(username, errors="strict"), unquote(password, errors="strict")


def _hosts(authority: str, tls_port: int, kind: Kind) -> Iterator[tuple[str, int]]:
    named = authority.rpartition("@")[2]
    names = named.split(",") if named else []
    if not min(1, kind.hosts) <= len(names) <= kind.hosts:
        raise ValueError
    for name in names:
        one = urlsplit(f"//{name}")
        host, port = one.hostname or "", one.port
        written = f"[{host}]" if ":" in host else host
        # Not every Python refuses what stands before or after the brackets.
        if not host or port == 0 or name.lower() not in (written, f"{written}:{port}"):
            raise ValueError
        yield host, port or tls_port or kind.port


def _path(parts: SplitResult, kind: Kind) -> str:
    path = parts.path if kind.hosts == 0 else unquote(parts.path, errors="strict")[1:]
    if parts.fragment or re.fullmatch(kind.path, path) is None:
        raise ValueError
    return path


def _faults(address: SinkAddress) -> Iterator[str]:
    kind, options = address.kind, address.options
    allowed = kind.options | ({"ca"} if address.has_tls else set())
    if not allowed.issuperset(options):
        known = f"other options than {', '.join(sorted(allowed))}" if allowed else "options"
        yield f"with {known}; write {kind.example}"
    if "stream" in kind.options and "stream" not in options:
        yield f"without a stream; write {kind.example}"
    if not re.fullmatch(r"[1-9][0-9]{0,17}", options.get("max_length", "1")):
        yield "with a max_length that is no number above 0"
    if kind is RABBITMQ and len(options.keys() & {"exchange", "queue"}) != 1:
        yield "that needs either exchange=NAME or queue=NAME"
    if options.get("sasl", _SASL[0]) not in _SASL:
        yield f"with a sasl that is none of {', '.join(_SASL)}"
    if "sasl" in options and not address.username:
        yield "with sasl but without a user"
    if "ca" in options and not Path(options["ca"]).is_file():
        yield "with a ca that is no file"
    if not re.fullmatch(r"https?://[^\s/?#@]+/?", options.get("endpoint", "https://aws")):
        yield "with an endpoint that is no URL such as https://HOST:PORT"
