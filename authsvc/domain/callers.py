"""Knowing calling services by what they prove, from memory where that is safe.

What was found in SQL is remembered, and used while this worker holds its read lease and no
revocation names it: the end of a key is journalled as the end of its session, every change of a
service account as a raised epoch. So a credential dies with the acknowledgement of its end, as
tokens do. Without a lease SQL is asked at every call.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from authsvc.domain.api_keys import ApiKey, hash_api_key
from authsvc.domain.calling_service import CallingService, Proof
from authsvc.domain.client_certificates import ClientCertificate
from authsvc.domain.clock import Clock
from authsvc.domain.identifiers import ServiceAccountId
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.revocation import KNOWN_CALLER_LIFE
from authsvc.domain.service_accounts import (
    EVERYTHING,
    ServiceAccount,
    ServiceAccountState,
    ServiceAccountStore,
)
from authsvc.errors import CallerUnauthenticated, StoreUnavailable
from authsvc.verify.claims import Claims

_CAPACITY = 10_000
"""Credentials that are remembered at most, at about 1 KB each."""
_LIFE = KNOWN_CALLER_LIFE.total_seconds()

_Credential = bytes | str | tuple[str, ...]
"""A key's hash, a token's subject, or a certificate's names: of types that are never equal."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What one credential opens."""

    service: CallingService
    key_id: str
    """Of an API key; else empty."""
    forget_at: float
    """On the steady clock."""


_MaybeFound = TypeVar("_MaybeFound", bound=_Found | None)


class CallerAuthenticator:
    """Knows calling services; threads may share it."""

    def __init__(
        self,
        *,
        store: ServiceAccountStore,
        replica: RevocationReplica,
        clock: Clock,
        steady: Callable[[], float],
    ) -> None:
        """Put it together.

        Args:
            store: Where service accounts and keys are.
            replica: What was revoked, while its lease is held.
            clock: The wall clock, by which keys end.
            steady: Seconds on a clock that never stops.

        """
        self._store = store
        self._replica = replica
        self._clock = clock
        self._steady = steady
        self._known: dict[_Credential, _Found] = {}
        self._uses: dict[str, datetime] = {}

    def by_api_key(self, api_key: str) -> CallingService:
        """Know a service by its API key.

        Raises:
            CallerUnauthenticated: The key is unknown, revoked or past its end, or the service is
                disabled.
            StoreUnavailable: It may be any.

        """
        digest = hashlib.sha256(api_key.encode()).digest()
        found = self._recall(digest, lambda: self._find_key(api_key))
        now = self._clock()
        if found.service.expire_time is not None and found.service.expire_time <= now:
            detail = "the key is past its end"
            raise CallerUnauthenticated(detail)
        self._uses[found.key_id] = now
        return found.service

    def by_certificate(self, certificate: ClientCertificate) -> CallingService | None:
        """Know a service by its client certificate; None if that names none.

        Raises:
            CallerUnauthenticated: The certificate has ended, names several services or one that is
                disabled, or is not as it must be.
            StoreUnavailable: It may be any.

        """
        names = certificate.names(self._clock())
        found = self._recall(names, lambda: self._find_certificate(names))
        return found.service if found is not None else None

    def by_token(self, claims: Claims) -> CallingService:
        """Know a service by what its access token says, which was found active.

        Raises:
            CallerUnauthenticated: The service is gone or disabled.
            StoreUnavailable: It may be either.

        """
        name = ServiceAccountId(claims.subject)
        found = self._recall(name, lambda: self._entry(self._store.find_by_id(name), Proof.TOKEN))
        return replace(found.service, scopes=found.service.scopes.intersection(claims.scopes))

    def write_uses(self) -> None:
        """Write down when keys were last used; to be done every minute, never in a call.

        Raises:
            StoreUnavailable: They are kept for the next time.

        """
        uses, self._uses = self._uses, {}
        try:
            self._store.note_uses(dict(uses))
        except StoreUnavailable:
            self._uses = uses | self._uses
            raise

    def _recall(
        self, credential: _Credential, find: Callable[[], _MaybeFound]
    ) -> _Found | _MaybeFound:
        """Give what a credential opens, from memory if that may be done."""
        if not self._replica.lease.holds():  # first: what is looked up after it is no older
            return find()
        found = self._known.get(credential)
        if found is not None and self._is_current(found):
            return found
        fresh = find()
        if fresh is not None:
            if len(self._known) >= _CAPACITY:
                self._known = {}
            self._known[credential] = fresh
        return fresh

    def _is_current(self, found: _Found) -> bool:
        service = found.service
        return self._steady() < found.forget_at and not self._replica.knows_end_of(
            service.service_account_id, epoch=service.epoch, session_id=service.session_id or ""
        )

    def _find_key(self, api_key: str) -> _Found:
        try:
            found = self._store.find_by_secret_hash(hash_api_key(api_key))
        except ValueError:
            raise CallerUnauthenticated from None
        if found is None or found[1].revoke_time is not None:
            detail = "the key is unknown or revoked"
            raise CallerUnauthenticated(detail)
        return self._entry(found[0], Proof.API_KEY, found[1])

    def _find_certificate(self, names: Sequence[str]) -> _Found | None:
        found = [self._store.find_by_certificate_name(name) for name in names]
        accounts = {one.service_account_id: one for one in found if one is not None}
        if not accounts:
            return None
        if len(accounts) > 1:
            detail = "the certificate names several services"
            raise CallerUnauthenticated(detail)
        return self._entry(next(iter(accounts.values())), Proof.CERTIFICATE)

    def _entry(
        self, account: ServiceAccount | None, proof: Proof, key: ApiKey | None = None
    ) -> _Found:
        forget_at = self._steady() + _LIFE
        if account is None or account.state is not ServiceAccountState.ACTIVE:
            detail = "the service account is gone or disabled"
            raise CallerUnauthenticated(detail)
        service = opened(account, proof, key)
        return _Found(service, key.key_id if key is not None else "", forget_at)


def opened(account: ServiceAccount, proof: Proof, key: ApiKey | None = None) -> CallingService:
    """Give what a proof, maybe one by an API key, opens of a service account."""
    scopes = frozenset(account.scopes)
    if key is not None and EVERYTHING not in key.scopes:
        scopes &= frozenset(key.scopes)
    return CallingService(
        service_account_id=account.service_account_id,
        name=account.name,
        scopes=scopes,
        methods=frozenset(account.methods),
        audiences=frozenset(account.audiences),
        own_audiences=frozenset(account.own_audiences),
        epoch=account.epoch,
        proofs=frozenset((proof,)),
        session_id=key.session_id if key is not None else None,
        expire_time=key.expire_time if key is not None else None,
    )
