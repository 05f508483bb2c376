"""The recipe of login, readable from top to bottom."""

from typing import NoReturn

from authsvc.domain.accounts import Account, AccountChange, AccountState, AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.passwords import Passwords
from authsvc.errors import AccountNotFound, InvalidCredentials

PASSWORD = ("pwd",)
"""The authentication method of RFC 8176."""


class Login:
    """Opens sessions for whoever proves who they are."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        passwords: Passwords,
        attempts: Attempts,
        grants: Grants,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._attempts = attempts
        self._grants = grants
        self._record = record
        self._clock = clock

    def by_password(
        self, call: Call, identifier: str, password: str, request: GrantRequest
    ) -> Tokens:
        """Open a session for whoever knows the password.

        Raises:
            InvalidCredentials: Wrong identifier or password, or the account may not log in.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        with self._attempts.login(identifier, peer=call.peer):
            account = self._check_password(call, identifier, password)
        self._grants.check(call, request, roles=account.roles)
        account = self._rehash_if_stale(call, account, password)
        return self.open_session(call, account, request, amr=PASSWORD)

    def open_session(
        self, call: Call, account: Account, request: GrantRequest, *, amr: tuple[str, ...]
    ) -> Tokens:
        """Open a session for an account that has proven itself by the methods named.

        Raises:
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            InvalidCredentials: The account was closed or changed meanwhile.

        """
        tokens = self._grants.open(call, account, request, amr=amr)
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return tokens

    def _check_password(self, call: Call, identifier: str, password: str) -> Account:
        account = self._accounts.find_by_identifier(identifier)
        stored = account.password_hash if account else None
        matches = self._passwords.verify(password, stored, time_left=call.time_left())
        if account is None or account.password_hash is None:
            self._fail(call, account, "unknown")
        if not matches:
            self._fail(call, account, "wrong password")
        if account.state is not AccountState.ACTIVE:
            self._fail(call, account, "disabled")
        return account

    def _rehash_if_stale(self, call: Call, account: Account, password: str) -> Account:
        """Bring a stored hash up to the present parameters while the password is at hand."""
        if account.password_hash is None or not self._passwords.needs_rehash(account.password_hash):
            return account
        change = AccountChange(
            password_hash=self._passwords.hash(password, time_left=call.time_left())
        )
        try:
            changed, _ = self._accounts.change(
                account.account_id, change, now=self._clock(), expected_epoch=account.epoch
            )
        except AccountNotFound:  # changed or deleted meanwhile: the session is refused by its epoch
            return account
        return changed

    def _fail(self, call: Call, account: Account | None, reason: str) -> NoReturn:
        subject = account.account_id if account else ""
        self._record(call.event(EventType.LOGIN, subject=subject, failure=reason))
        raise InvalidCredentials(reason)
