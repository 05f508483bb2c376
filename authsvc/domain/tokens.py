"""Access tokens: how they are issued (RFC 9068). How they are checked stands in `verify/`."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import load_der_private_key

from authsvc.domain.identifiers import (
    TokenId,
    account_partition,
    decode_id,
    encode_id,
    new_token_id,
)
from authsvc.domain.sessions import Session
from authsvc.domain.signing_keys import SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A signed access token."""

    text: str = field(repr=False)
    token_id: TokenId
    expire_time: datetime


class TokenIssuer:
    """Signs access tokens with the key that is active at the time."""

    def __init__(
        self, *, issuer: str, lifetime: timedelta, signing_key: Callable[[], SigningKey]
    ) -> None:
        self._issuer = issuer
        self._lifetime = lifetime
        self._signing_key = signing_key
        self._loaded: tuple[SigningKey, Any] | None = None
        self._loading = threading.Lock()

    def issue(self, session: Session, *, now: datetime) -> AccessToken:
        """Sign a token for a session; it never outlives the session's absolute end.

        Raises:
            StoreUnavailable: There is no active signing key.

        """
        key, private_key = self._load(self._signing_key())
        token_id = new_token_id(account_partition(session.account_id))
        issued_at = int(now.timestamp())
        ends = min(now + self._lifetime, session.absolute_expire_time)
        expires_at = int(ends.timestamp())
        claims = {
            "iss": self._issuer,
            "sub": session.account_id,
            "aud": session.audience,
            "exp": expires_at,
            "iat": issued_at,
            "jti": token_id,
            "client_id": session.client_id,
            "sid": session.session_id,
            "scope": " ".join(session.scopes),
            "roles": list(session.roles),
            "amr": list(session.amr),
            "acr": _AAL1,
            "auth_time": int(session.auth_time.timestamp()),
            "epoch": session.epoch,
        }
        text = jwt.encode(
            claims, private_key, key.algorithm, headers={"kid": key.key_id, "typ": "at+jwt"}
        )
        return AccessToken(
            text=_with_low_s(text) if key.algorithm == "ES256" else text,
            token_id=token_id,
            expire_time=datetime.fromtimestamp(expires_at, now.tzinfo),
        )

    def _load(self, key: SigningKey) -> tuple[SigningKey, Any]:
        loaded = self._loaded
        if loaded is None or loaded[0].key_id != key.key_id:
            with self._loading:
                loaded = (key, load_der_private_key(key.private_key, password=None))
                self._loaded = loaded
        return loaded


def _with_low_s(text: str) -> str:
    """Of the signatures (r, s) and (r, n - s), both good, give the one that `verify/` accepts."""
    signing_input, _, signature = text.rpartition(".")
    raw = decode_id(signature)
    s = int.from_bytes(raw[_P256_BYTES:])
    low_s = min(s, _P256_ORDER - s).to_bytes(_P256_BYTES)
    return f"{signing_input}.{encode_id(raw[:_P256_BYTES] + low_s)}"


_P256_BYTES = 32
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_AAL1 = "aal1"
"""One factor (NIST SP 800-63B-4, 2.1)."""
