"""Client assertions (RFC 7523, 3): a service proves that it calls by what it signs itself.

An assertion is a JWT of which the service account holds the public key. It says who signs (`iss`
and `sub`: the service's name), for whom (`aud`: this issuer), for at most five minutes (`exp`), and
it works once (`jti`).
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from authsvc.domain.callers import opened
from authsvc.domain.calling_service import CallingService, Proof
from authsvc.domain.clock import Clock
from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountState,
    ServiceAccountStore,
    is_service_name,
)
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import CallerUnauthenticated, TokenInactive, TooManyAttempts
from authsvc.verify.jws import CompactJws, parse
from authsvc.verify.keyring import KeyRing, VerificationKey, lower_s

MAX_LIFE = timedelta(minutes=5)
"""The most that may lie between now and `exp`."""

_TYPES = frozenset({"JWT", "client-authentication+jwt"})
"""None that a token of ours has (RFC 8725, 3.11)."""
_REMEMBERED = 3 * MAX_LIFE
"""How long a `jti` is known to be used: as long as its assertion is good, by any clock."""
_MAX_JTI_LENGTH = 255


class Assertions:
    """Knows services by their assertions."""

    def __init__(
        self,
        *,
        store: ServiceAccountStore,
        throttle: Throttle,
        issuer: str,
        leeway: timedelta,
        clock: Clock,
    ) -> None:
        self._store = store
        self._throttle = throttle
        self._issuer = issuer
        self._leeway = leeway.total_seconds()
        self._clock = clock

    def verify(self, assertion: str) -> CallingService:
        """Know a service by an assertion, which is then used up.

        Raises:
            CallerUnauthenticated: It is not good, or was used before, or the service is disabled.
            StoreUnavailable: It may be either.

        """
        try:
            jws = parse(assertion, types=_TYPES)
        except TokenInactive:
            detail = "the assertion is not canonical compact JWS, or of another type"
            raise CallerUnauthenticated(detail) from None
        account = self._signer(jws)
        if not _is_signed(jws, account.public_keys):
            detail = "the assertion is not signed by a key of the service"
            raise CallerUnauthenticated(detail)
        self._check(jws.payload)
        self._use_up(account, jws.payload["jti"])
        return opened(account, Proof.ASSERTION)

    def _signer(self, jws: CompactJws) -> ServiceAccount:
        name: Any = jws.payload.get("sub")
        is_one = type(name) is str and is_service_name(name) and jws.payload.get("iss") == name
        if not is_one:
            detail = "iss and sub do not name one service"
            raise CallerUnauthenticated(detail)
        account = self._store.find(name)
        if account is None or account.state is not ServiceAccountState.ACTIVE:
            detail = "the service account is gone or disabled"
            raise CallerUnauthenticated(detail)
        return account

    def _check(self, claims: Mapping[str, Any]) -> None:
        now = self._clock().timestamp()
        expires_at: Any = claims.get("exp")
        begins_at: Any = claims.get("nbf", 0)
        jti = claims.get("jti")
        good = (
            claims.get("aud") in (self._issuer, [self._issuer])
            and type(expires_at) in (int, float)
            and now < expires_at + self._leeway
            and expires_at <= now + MAX_LIFE.total_seconds() + self._leeway
            and type(begins_at) in (int, float)
            and begins_at <= now + self._leeway
            and type(jti) is str
            and 0 < len(jti) <= _MAX_JTI_LENGTH
        )
        if not good:
            detail = "aud, exp, nbf or jti of the assertion is not as it must be"
            raise CallerUnauthenticated(detail)

    def _use_up(self, account: ServiceAccount, jti: str) -> None:
        """Let an assertion pass once: a throttle of one attempt, exact under any parallelism."""
        once = Bucket(
            name="client assertion",
            key=f"{account.service_account_id} {jti}",
            limit=1,
            window=_REMEMBERED,
        )
        try:
            self._throttle.reserve([once], now=self._clock())
        except TooManyAttempts:
            detail = "the assertion was used before"
            raise CallerUnauthenticated(detail) from None


def _is_signed(jws: CompactJws, jwks: Iterable[Mapping[str, str]]) -> bool:
    key = KeyRing(map(VerificationKey.from_jwk, jwks)).find(jws.header.key_id)
    if key is None or key.algorithm != jws.header.algorithm:
        return False
    # Libraries give either s. That each signature has two spellings is no harm: the `jti` is used.
    signature = lower_s(jws.signature) if key.algorithm == "ES256" else jws.signature
    return key.verify(signature, jws.signing_input)
