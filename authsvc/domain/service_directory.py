"""Looking after service accounts and their API keys."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from authsvc.domain.accounts import EndTokens
from authsvc.domain.api_keys import ApiKey, hash_api_key, new_api_key, new_key_id
from authsvc.domain.calls import PUBLIC_CLIENT, Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventType
from authsvc.domain.identifiers import account_partition, new_service_account_id, new_session_id
from authsvc.domain.revocation import Revocation
from authsvc.domain.service_accounts import (
    ServiceAccount,
    ServiceAccountChange,
    ServiceAccountState,
    ServiceAccountStore,
)
from authsvc.errors import FieldViolation, InvalidRequest, ServiceAccountNotFound
from authsvc.verify.keyring import VerificationKey, thumbprint

DEVELOPMENT_CLIENT = "dev"
"""The client id of a loopback peer in dev mode, which counts as a service with every scope."""

_RESERVED_NAMES = frozenset((PUBLIC_CLIENT, DEVELOPMENT_CLIENT))
"""Client ids of callers without a service account: their sessions are not for a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewServiceAccount:
    """What a service account is made of."""

    name: str
    scopes: tuple[str, ...]
    methods: tuple[str, ...]
    audiences: tuple[str, ...]
    own_audiences: tuple[str, ...] = ()
    certificate_names: tuple[str, ...] = ()
    public_keys: tuple[Mapping[str, str], ...] = ()


class ServiceDirectory:
    """What administrators do with service accounts. What it ends is dead everywhere on return."""

    def __init__(
        self,
        *,
        services: ServiceAccountStore,
        remember: Callable[[], datetime],
        put_in_force: Callable[[Revocation | None], int],
        clock: Clock,
    ) -> None:
        """Put it together.

        Args:
            services: Where they are kept.
            remember: Until when the end of a service's credentials must be remembered.
            put_in_force: Makes what was journalled felt in every worker, and gives its revision.
            clock: The wall clock.

        """
        self._services = services
        self._remember = remember
        self._put_in_force = put_in_force
        self._clock = clock

    def create(self, call: Call, new: NewServiceAccount) -> ServiceAccount:
        """Make a service account.

        Raises:
            InvalidRequest: The name is reserved, or a key is not a good public one.
            ServiceNameTaken: Another one has the name.
            CertificateNameTaken: Another one has one of the certificate names.

        """
        if new.name in _RESERVED_NAMES:
            raise InvalidRequest(FieldViolation("name", "This name stands for no service."))
        now = self._clock()
        account = ServiceAccount(
            service_account_id=new_service_account_id(),
            name=new.name,
            scopes=tuple(sorted(new.scopes)),
            methods=tuple(sorted(new.methods)),
            audiences=tuple(sorted(new.audiences)),
            own_audiences=tuple(sorted(new.own_audiences)),
            certificate_names=tuple(sorted(new.certificate_names)),
            public_keys=_checked(new.public_keys),
            state=ServiceAccountState.ACTIVE,
            epoch=0,
            create_time=now,
            update_time=now,
        )
        event = call.event(EventType.SERVICE_ACCOUNT_CREATED, subject=account.service_account_id)
        self._services.create(account, event=event)
        return account

    def get(self, name: str) -> ServiceAccount:
        """Give a service account.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        account = self._services.find(name)
        if account is None:
            raise ServiceAccountNotFound(name)
        return account

    def list(self, *, after: str | None, limit: int) -> Sequence[ServiceAccount]:
        """Give the service accounts whose names come after the given one, by name."""
        return self._services.list(after=after, limit=limit)

    def update(
        self, call: Call, name: str, change: ServiceAccountChange
    ) -> tuple[ServiceAccount, int]:
        """Change what a service may do or how it proves itself, and end its tokens.

        Returns:
            The service account as it is now, and the revision at which the old rights were dead.

        Raises:
            InvalidRequest: A key is not a good public one.
            ServiceAccountNotFound: There is none of this name.
            CertificateNameTaken: Another one has one of the certificate names.

        """
        if change.public_keys is not None:
            change = replace(change, public_keys=_checked(change.public_keys))
        return self._change(
            call, name, change, EventType.SERVICE_ACCOUNT_UPDATED, self._end("service changed")
        )

    def disable(self, call: Call, name: str) -> tuple[ServiceAccount, int]:
        """Keep a service from calling, and end its tokens.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        change = ServiceAccountChange(state=ServiceAccountState.DISABLED)
        return self._change(
            call, name, change, EventType.SERVICE_ACCOUNT_DISABLED, self._end("service disabled")
        )

    def enable(self, call: Call, name: str) -> ServiceAccount:
        """Let a service call again; its tokens stay ended.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        change = ServiceAccountChange(state=ServiceAccountState.ACTIVE)
        account, _ = self._change(call, name, change, EventType.SERVICE_ACCOUNT_ENABLED, None)
        return account

    def delete(self, call: Call, name: str) -> int:
        """Delete a service account with its keys, and give the revision at which all were dead.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        revocation = self._services.delete(
            name,
            now=self._clock(),
            event_of=_event_of(call, EventType.SERVICE_ACCOUNT_DELETED),
            end_tokens=self._end("service deleted"),
        )
        return self._put_in_force(revocation)

    def create_key(
        self, call: Call, name: str, *, display_name: str, scopes: Sequence[str], ttl: timedelta
    ) -> tuple[str, ApiKey]:
        """Make an API key, and give it with what is kept of it.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        owner = self.get(name)
        text, now = new_api_key(), self._clock()
        key = ApiKey(
            key_id=new_key_id(),
            service_account=name,
            session_id=new_session_id(account_partition(owner.service_account_id)),
            display_name=display_name,
            scopes=tuple(sorted(scopes)),
            secret_hash=hash_api_key(text),
            create_time=now,
            expire_time=now + ttl,
            revoke_time=None,
            last_use_time=None,
        )
        event = call.event(EventType.API_KEY_CREATED, subject=key.key_id)
        self._services.add_key(key, event=event)
        return text, key

    def list_keys(self, name: str) -> Sequence[ApiKey]:
        """Give the keys of a service account, oldest first, also those that have ended.

        Raises:
            ServiceAccountNotFound: There is none of this name.

        """
        self.get(name)
        return self._services.list_keys(name)

    def revoke_key(self, call: Call, key_id: str) -> int:
        """End a key with its tokens, and give the revision at which they were dead.

        Raises:
            ApiKeyNotFound: There is none of this id.

        """
        revocation = self._services.revoke_key(
            key_id,
            now=self._clock(),
            event=call.event(EventType.API_KEY_REVOKED, subject=key_id),
            end_tokens=self._end("key revoked"),
        )
        return self._put_in_force(revocation)

    def _change(
        self,
        call: Call,
        name: str,
        change: ServiceAccountChange,
        kind: EventType,
        end_tokens: EndTokens | None,
    ) -> tuple[ServiceAccount, int]:
        account, revocation = self._services.change(
            name,
            change,
            now=self._clock(),
            event_of=_event_of(call, kind),
            end_tokens=end_tokens,
        )
        return account, self._put_in_force(revocation)

    def _end(self, reason: str) -> EndTokens:
        return EndTokens(reason=reason, remember_until=self._remember())


def _event_of(call: Call, kind: EventType) -> Callable[[str], Event]:
    """Give what makes the event of an act, once it is known what it is done to."""
    return lambda subject: call.event(kind, subject=subject)


def _checked(jwks: Sequence[Mapping[str, str]]) -> tuple[Mapping[str, str], ...]:
    """Give public keys with their thumbprints as `kid`.

    Raises:
        InvalidRequest: One is not a good public key, or is there twice.

    """
    checked: dict[str, Mapping[str, str]] = {}
    for number, jwk in enumerate(jwks):
        try:
            key = {"kid": thumbprint(jwk), **jwk}
            VerificationKey.from_jwk(key)
        except ValueError as error:
            raise InvalidRequest(FieldViolation(f"public_keys[{number}]", f"{error}.")) from None
        if key["kid"] in checked:
            raise InvalidRequest(FieldViolation(f"public_keys[{number}]", "It is there twice."))
        checked[key["kid"]] = key
    return tuple(checked.values())
