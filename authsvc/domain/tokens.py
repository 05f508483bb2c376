"""Access tokens: how they are issued (RFC 9068). How they are checked stands in `verify/`."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from nacl.bindings import crypto_sign, crypto_sign_BYTES, crypto_sign_seed_keypair

from authsvc.domain.identifiers import (
    AccountId,
    KeyId,
    ServiceAccountId,
    SessionId,
    TokenId,
    account_partition,
    decode_id,
    encode_id,
    new_token_id,
)
from authsvc.domain.sessions import Session
from authsvc.domain.signing_keys import SigningKey
from authsvc.verify.assurance import acr_of
from authsvc.verify.claims import Actor, Claims, Delegation
from authsvc.verify.keyring import lower_s

_Claims = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A signed access token."""

    text: str = field(repr=False)
    token_id: TokenId
    expire_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceGrant:
    """What a service's own token says."""

    service_account_id: ServiceAccountId
    name: str
    session_id: SessionId
    audience: str
    scopes: tuple[str, ...]
    amr: tuple[str, ...]
    epoch: int
    expire_time: datetime | None
    """When the credential ends by which it was asked for; the token does not outlive it."""
    certificate: bytes = b""
    """SHA-256 of the certificate that it is bound to; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangedGrant:
    """What a token says that was made from another."""

    subject: Claims
    """Of the token that it is made from."""
    subject_key: str
    """The `kid` of the key that signed that."""
    actor: Actor
    client_id: str
    audience: str
    scopes: tuple[str, ...]
    expire_time: datetime
    """By when it ends at the latest."""
    certificate: bytes
    """SHA-256 of the certificate that it is bound to; empty for none."""


class TokenIssuer:
    """Signs access tokens with the key that is active at the time."""

    def __init__(
        self, *, issuer: str, lifetime: timedelta, signing_key: Callable[[], SigningKey]
    ) -> None:
        self._issuer = issuer
        self._lifetime = lifetime
        self._signing_key = signing_key
        self._prepared: tuple[KeyId, _Sign] | None = None
        self._preparing = threading.Lock()

    def issue(self, session: Session, *, now: datetime) -> AccessToken:
        """Sign a token for a session; it never outlives the session's absolute end.

        Raises:
            StoreUnavailable: There is no active signing key.

        """
        claims = {
            "sub": session.account_id,
            "aud": session.audience,
            "client_id": session.client_id,
            "sid": session.session_id,
            "scope": " ".join(session.scopes),
            "roles": list(session.roles),
            "amr": list(session.amr),
            "acr": acr_of(session.amr),
            "auth_time": int(session.auth_time.timestamp()),
            "epoch": session.epoch,
        }
        partition = account_partition(session.account_id)
        return self._issue(claims, partition, now=now, ends=session.absolute_expire_time)

    def issue_to_service(self, grant: ServiceGrant, *, now: datetime) -> AccessToken:
        """Sign a token for a service that speaks for itself.

        Raises:
            StoreUnavailable: There is no active signing key.

        """
        claims = {
            "sub": grant.service_account_id,
            "aud": grant.audience,
            "client_id": grant.name,
            "sid": grant.session_id,
            "scope": " ".join(grant.scopes),
            "amr": list(grant.amr),
            "auth_time": int(now.timestamp()),
            "epoch": grant.epoch,
            **_confirmation(grant.certificate),
        }
        partition = account_partition(grant.service_account_id)
        return self._issue(claims, partition, now=now, ends=grant.expire_time)

    def issue_exchanged(self, grant: ExchangedGrant, *, now: datetime) -> AccessToken:
        """Sign a token that was made from another (RFC 8693).

        Raises:
            StoreUnavailable: There is no active signing key.

        """
        subject = grant.subject
        before = subject.delegation or Delegation((), ())
        claims = {
            "sub": subject.subject,
            "aud": grant.audience,
            "client_id": grant.client_id,
            "sid": subject.session_id,
            "scope": " ".join(grant.scopes),
            "roles": list(subject.roles),
            "amr": list(subject.amr),
            **({"acr": subject.acr} if subject.acr else {}),
            "auth_time": subject.authenticated_at,
            "epoch": subject.epoch,
            "act": _nested((grant.actor, *before.actors)),
            "lineage": [subject.token_id, *before.token_ids],
            "lineage_keys": list(dict.fromkeys((grant.subject_key, *before.key_ids))),
            **_confirmation(grant.certificate),
        }
        partition = account_partition(AccountId(subject.subject))
        return self._issue(claims, partition, now=now, ends=grant.expire_time)

    def _issue(
        self, claims: _Claims, partition: int, *, now: datetime, ends: datetime | None
    ) -> AccessToken:
        sign = self._signer(self._signing_key())
        token_id = new_token_id(partition)
        latest = now + self._lifetime
        expires_at = int((latest if ends is None else min(latest, ends)).timestamp())
        times = {"exp": expires_at, "iat": int(now.timestamp())}
        return AccessToken(
            text=sign({"iss": self._issuer, **claims, **times, "jti": token_id}),
            token_id=token_id,
            expire_time=datetime.fromtimestamp(expires_at, now.tzinfo),
        )

    def _signer(self, key: SigningKey) -> "_Sign":
        prepared = self._prepared
        if prepared is None or prepared[0] != key.key_id:
            with self._preparing:
                prepared = (key.key_id, _SIGNERS[key.algorithm](key))
                self._prepared = prepared
        return prepared[1]


_Sign = Callable[[_Claims], str]
_encode_json = json.JSONEncoder(separators=(",", ":")).encode


def _nested(actors: tuple[Actor, ...]) -> _Claims:
    """Write a chain of actors, the one that acts now outermost (RFC 8693, 4.1)."""
    act: _Claims = {}
    for actor in reversed(actors):
        inner = {"act": act} if act else {}
        act = {"sub": actor.subject, "epoch": actor.epoch, "sid": actor.session_id, **inner}
    return act


def _confirmation(certificate: bytes) -> _Claims:
    return {"cnf": {"x5t#S256": encode_id(certificate)}} if certificate else {}


def _eddsa_signer(key: SigningKey) -> _Sign:
    """Sign with PyNaCl and a header made once: in half the time of PyJWT with cryptography."""
    private_key = load_der_private_key(key.private_key, password=None)
    if not isinstance(private_key, Ed25519PrivateKey):
        message = f"{key.key_id} is no Ed25519 key"
        raise TypeError(message)
    _, secret = crypto_sign_seed_keypair(private_key.private_bytes_raw())
    header = encode_id(_encode_json({"alg": "EdDSA", **_header(key)}).encode())

    def sign(claims: _Claims) -> str:
        signing_input = f"{header}.{encode_id(_encode_json(claims).encode())}"
        signature = crypto_sign(signing_input.encode(), secret)[:crypto_sign_BYTES]
        return f"{signing_input}.{encode_id(signature)}"

    return sign


def _pyjwt_signer(key: SigningKey) -> _Sign:
    private_key: Any = load_der_private_key(key.private_key, password=None)
    headers = _header(key)
    return lambda claims: jwt.encode(claims, private_key, key.algorithm, headers=headers)


def _es256_signer(key: SigningKey) -> _Sign:
    sign = _pyjwt_signer(key)
    return lambda claims: _with_low_s(sign(claims))


_SIGNERS: dict[str, Callable[[SigningKey], _Sign]] = {
    "EdDSA": _eddsa_signer,
    "ES256": _es256_signer,
    "RS256": _pyjwt_signer,
}


def _header(key: SigningKey) -> dict[str, str]:
    return {"kid": key.key_id, "typ": "at+jwt"}


def _with_low_s(text: str) -> str:
    """Of the two good signatures of a token, give the one that `verify/` accepts."""
    signing_input, _, signature = text.rpartition(".")
    return f"{signing_input}.{encode_id(lower_s(decode_id(signature)))}"
