"""A session as bytes: a fixed header that the scripts read and write, then what only we read.

Header, big-endian (offsets from 0; `scripts/*.lua` count from 1):

     0  state            1   OPEN or REUSED
     1  generation       4
     5  epoch            4
     9  last use         6   ms since 1970
    15  idle lifetime    5   ms
    20  absolute end     6   ms since 1970
    26  hard end         4   s since 1970 on the clock of Redis; written by open.lua
    30  nonce hash      16
    46  client id        1 + n
        account id      15   without its last byte, which is the sid's first

then create time (6), the length of the packed IP address (1; + 128 if the authentication time
follows, being another than the create time), authentication time (0 or 6), the packed address
(0, 4 or 16) and the texts: JSON, deflated with a preset dictionary, since user agents are long
and alike.
The dictionary is part of the format: changing it makes every open session unreadable.
"""

import json
import socket
import struct
import zlib
from datetime import timedelta
from functools import lru_cache

from authsvc.domain.clock import from_milliseconds, to_milliseconds
from authsvc.domain.identifiers import (
    AccountId,
    SessionId,
    account_id_bytes,
    account_id_from_bytes,
    decode_id,
)
from authsvc.domain.sessions import ClientInfo, Session

OPEN = 0
REUSED = 1

_HEADER = struct.Struct(">BII6s5s6sI16sB")
_STATE = 0
_CREATE = struct.Struct(">6sB")
_TIME_SIZE = 6
_AUTHENTICATED_APART = 128
_ACCOUNT_HEAD = 15
_DICTIONARY = (
    b"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    b' Chrome/140.0.0.0 Mobile Safari/537.36"]'
    b'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"]'
    b'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"]'
    b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    b' (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"]'
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
    b' (KHTML, like Gecko) Version/18.5 Safari/605.1.15"]'
    b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36"
    b' (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"]'
    b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/"
    b'["urn:","https://openid profile email offline_access","admin",".internal",".org",".net",'
    b'".com",["read","write"],["user"],["pwd","otp","hwk","mfa"],"","'
    b'["https://api.:read",":write"],[],["pwd"],"",'
    b'"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)'
    b' Chrome/140.0.0.0 Safari/537.36"]'
)


_IPV4_BYTES = 4

_Words = tuple[str, ...]
_Texts = tuple[str, _Words, _Words, _Words, str, str, str]
"""Audience, scopes, roles, methods, device id, address and user agent."""


def pack(session: Session) -> bytes:
    """The record of an open session.

    Raises:
        ValueError: A field does not fit: a client id of more than 255 bytes, say.

    """
    client_id = session.client_id.encode()
    address = _pack_address(session.client.ip_address)
    texts = (
        session.audience,
        session.scopes,
        session.roles,
        session.amr,
        session.client.device_id,
        "" if address else session.client.ip_address,
        session.client.user_agent,
    )
    try:
        header = _HEADER.pack(
            OPEN,
            session.generation,
            session.epoch,
            to_milliseconds(session.last_use_time).to_bytes(6),
            (session.idle_lifetime // timedelta(milliseconds=1)).to_bytes(5),
            to_milliseconds(session.absolute_expire_time).to_bytes(6),
            0,
            session.nonce_hash,
            len(client_id),
        )
        times = _pack_times(session, len(address))
    except (struct.error, OverflowError) as error:
        message = "a field of the session is out of range"
        raise ValueError(message) from error
    account_head = account_id_bytes(session.account_id)[:-1]
    return b"".join((header, client_id, account_head, times, address, _deflate(texts)))


def unpack(session_id: SessionId, record: bytes) -> Session:
    """The session of a record."""
    (_, generation, epoch, last_use, idle, absolute, _, nonce_hash, length) = _HEADER.unpack_from(
        record
    )
    rest = _HEADER.size + length
    client_id = record[_HEADER.size : rest].decode()
    account_id = _account_id(session_id, record[rest : rest + _ACCOUNT_HEAD])
    rest += _ACCOUNT_HEAD
    created, flags = _CREATE.unpack_from(record, rest)
    rest += _CREATE.size
    authenticated = created
    if flags & _AUTHENTICATED_APART:
        authenticated = record[rest : rest + _TIME_SIZE]
        rest += _TIME_SIZE
    texts = rest + (flags & ~_AUTHENTICATED_APART)
    address = record[rest:texts]
    audience, scopes, roles, amr, device_id, ip_address, user_agent = _inflate(record[texts:])
    if address:
        family = socket.AF_INET if len(address) == _IPV4_BYTES else socket.AF_INET6
        ip_address = socket.inet_ntop(family, address)
    return Session(
        session_id=session_id,
        account_id=account_id,
        epoch=epoch,
        client_id=client_id,
        audience=audience,
        scopes=scopes,
        roles=roles,
        amr=amr,
        client=ClientInfo(ip_address=ip_address, user_agent=user_agent, device_id=device_id),
        nonce_hash=nonce_hash,
        generation=generation,
        create_time=from_milliseconds(int.from_bytes(created)),
        auth_time=from_milliseconds(int.from_bytes(authenticated)),
        last_use_time=from_milliseconds(int.from_bytes(last_use)),
        idle_lifetime=timedelta(milliseconds=int.from_bytes(idle)),
        absolute_expire_time=from_milliseconds(int.from_bytes(absolute)),
    )


def is_reused(record: bytes) -> bool:
    """Whether the session is closed because one of its refresh tokens was used again."""
    return record[_STATE] == REUSED


def _account_id(session_id: SessionId, head: bytes) -> AccountId:
    return account_id_from_bytes(head + decode_id(session_id)[:1])


def _pack_times(session: Session, address_length: int) -> bytes:
    created = to_milliseconds(session.create_time).to_bytes(_TIME_SIZE)
    authenticated = to_milliseconds(session.auth_time).to_bytes(_TIME_SIZE)
    if authenticated == created:
        return _CREATE.pack(created, address_length)
    return _CREATE.pack(created, address_length | _AUTHENTICATED_APART) + authenticated


def _pack_address(text: str) -> bytes:
    """Give the bytes of an address that has come in its one canonical spelling, else nothing."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            packed = socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        if socket.inet_ntop(family, packed) == text:
            return packed
    return b""


def _deflate(texts: _Texts) -> bytes:
    plain = json.dumps(texts, ensure_ascii=False, separators=(",", ":")).encode()
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return deflater.compress(plain) + deflater.flush()


@lru_cache(maxsize=1024)  # of browsers alike the texts are alike, and of a session they stay
def _inflate(packed: bytes) -> _Texts:
    inflater = zlib.decompressobj(-15, zdict=_DICTIONARY)
    # A later version may have more to say, while an upgrade is rolled out or back (P-DUR-3).
    audience, scopes, roles, amr, device_id, ip_address, user_agent, *_ = json.loads(
        inflater.decompress(packed) + inflater.flush()
    )
    return audience, tuple(scopes), tuple(roles), tuple(amr), device_id, ip_address, user_agent
