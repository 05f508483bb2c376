"""All that is kept about one person, for that person (GDPR, article 15). No secret is in it.

Whatever begins to keep data about accounts gets a section here; what is deleted with an account and
what is shown of it are the same list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from authsvc.domain.account_directory import AccountDirectory
from authsvc.domain.accounts import Account
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.factors import Factor, FactorStore
from authsvc.domain.sessions import Session, SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountData:
    """The data of an account, a section for each kind."""

    collect_time: datetime
    account: Account
    sessions: Sequence[Session]
    factors: Sequence[Factor]
    recovery_codes_left: int


class AccountExport:
    """Collects what is kept."""

    def __init__(
        self,
        *,
        directory: AccountDirectory,
        sessions: SessionStore,
        factors: FactorStore,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._factors = factors
        self._record = record
        self._clock = clock

    def collect(self, call: Call, requested: str) -> AccountData:
        """Give the data of the caller's own account or, with the scope, of any.

        Raises:
            AccountNotFound: No such account.
            AccessDenied: Another account, without the scope.
            TokenRequired: No account is named and none calls.
            StoreUnavailable: Something may be kept that can't be looked at now.

        """
        account = self._directory.get(call, requested)
        account_id, now = account.account_id, self._clock()
        data = AccountData(
            collect_time=now,
            account=account,
            sessions=self._sessions.list(account_id, now=now),
            factors=self._factors.list(account_id),
            recovery_codes_left=self._factors.count_recovery_codes(account_id),
        )
        self._record(call.event(EventType.ACCOUNT_EXPORTED, subject=account_id))
        return data
