"""Looking after accounts: seeing, changing, closing and deleting them."""

from collections.abc import Sequence

from authsvc.domain.accounts import (
    UNCHANGED,
    Account,
    AccountChange,
    AccountState,
    AccountStore,
    EndTokens,
)
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventType
from authsvc.domain.identifiers import AccountId
from authsvc.domain.revocation import Revoker
from authsvc.errors import AccountNotFound

READ = "authsvc.accounts.read"


class AccountDirectory:
    """What administrators do with accounts, and what accounts may see of themselves."""

    def __init__(self, *, accounts: AccountStore, revoker: Revoker, clock: Clock) -> None:
        self._accounts = accounts
        self._revoker = revoker
        self._clock = clock

    def get(self, call: Call, requested: str) -> Account:
        """Give the caller's own account or, with the scope, any.

        Raises:
            AccountNotFound: No such account.
            AccessDenied: Another account, without the scope.
            TokenRequired: No account is named and none calls.

        """
        account_id = call.account(requested, scope=READ)
        account = self._accounts.find(account_id)
        if account is None:
            raise AccountNotFound(account_id)
        return account

    def list(self, *, after: AccountId | None, limit: int) -> Sequence[Account]:
        """Give the accounts made after the given one, in the order in which they were made."""
        return self._accounts.list(after=after, limit=limit)

    def update(
        self, call: Call, account_id: AccountId, change: AccountChange
    ) -> tuple[Account, int]:
        """Change an account; a change of roles ends its sessions and tokens.

        Returns:
            The account as it is now, and the revision at which its tokens were dead, or 0.

        Raises:
            AccountNotFound: No such account.
            UsernameTaken: Another account has the new user name.

        """
        end_tokens = self._end_tokens("roles changed") if change.roles is not UNCHANGED else None
        return self._change(call, account_id, change, EventType.ACCOUNT_UPDATED, end_tokens)

    def disable(self, call: Call, account_id: AccountId) -> tuple[Account, int]:
        """Close an account and end its sessions and tokens.

        Raises:
            AccountNotFound: No such account.

        """
        change = AccountChange(state=AccountState.DISABLED)
        end_tokens = self._end_tokens("account disabled")
        return self._change(call, account_id, change, EventType.ACCOUNT_DISABLED, end_tokens)

    def enable(self, call: Call, account_id: AccountId) -> Account:
        """Open a closed account again; what was ended stays ended.

        Raises:
            AccountNotFound: No such account.

        """
        change = AccountChange(state=AccountState.ACTIVE)
        account, _ = self._change(call, account_id, change, EventType.ACCOUNT_ENABLED, None)
        return account

    def delete(self, call: Call, account_id: AccountId) -> int:
        """Delete an account with its sessions, tokens and personal data.

        Returns:
            The revision at which its tokens were dead.

        Raises:
            AccountNotFound: No such account.

        """
        revocation = self._accounts.delete(
            account_id,
            now=self._clock(),
            event=call.event(EventType.ACCOUNT_DELETED, subject=account_id),
            end_tokens=self._end_tokens("account deleted"),
        )
        return self._revoker.put_in_force(revocation)

    def _change(
        self,
        call: Call,
        account_id: AccountId,
        change: AccountChange,
        kind: EventType,
        end_tokens: EndTokens | None,
    ) -> tuple[Account, int]:
        account, revocation = self._accounts.change(
            account_id,
            change,
            now=self._clock(),
            event=call.event(kind, subject=account_id),
            end_tokens=end_tokens,
        )
        return account, self._revoker.put_in_force(revocation)

    def _end_tokens(self, reason: str) -> EndTokens:
        return EndTokens(reason=reason, remember_until=self._revoker.remember_account())
