"""Knowing a calling service by what it proves."""

from authsvc.domain.api_keys import hash_api_key
from authsvc.domain.clock import Clock
from authsvc.domain.service_accounts import ServiceAccountState, ServiceAccountStore
from authsvc.errors import CallerUnauthenticated


class ApiKeyAuthenticator:
    """Knows a calling service by its API key. Asks the store at every call, so that a revoked key
    is dead at once.
    """

    def __init__(self, *, store: ServiceAccountStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def authenticate(self, api_key: str) -> tuple[str, frozenset[str]]:
        """Give the name of the service and its scopes.

        Raises:
            CallerUnauthenticated: The key is unknown, revoked or past its end, or the service is
                disabled.
            StoreUnavailable: It may be any.

        """
        try:
            found = self._store.find_by_secret_hash(hash_api_key(api_key))
        except ValueError:
            raise CallerUnauthenticated from None
        if found is None:
            raise CallerUnauthenticated
        service_account, key = found
        is_over = key.expire_time is not None and key.expire_time <= self._clock()
        is_active = service_account.state is ServiceAccountState.ACTIVE
        if key.revoke_time is not None or is_over or not is_active:
            raise CallerUnauthenticated
        return service_account.name, frozenset(service_account.scopes)
