"""The recipe of login, readable from top to bottom."""

from authsvc.domain.accounts import Account, AccountChange, AccountState, AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.passwords import Passwords
from authsvc.domain.second_factor import MfaChallenge, SecondFactor
from authsvc.errors import (
    AccountNotFound,
    InsufficientUserAuthentication,
    InvalidCredentials,
    Overloaded,
)

PASSWORD = ("pwd",)
"""The authentication method of RFC 8176."""

_UNKNOWN = "unknown"
_WRONG_PASSWORD = "wrong password"  # noqa: S105 - a sentence, not a secret
_UNACCEPTABLE_HASH = "unacceptable hash"
_DISABLED = "disabled"


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
        second_factor: SecondFactor,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._attempts = attempts
        self._grants = grants
        self._record = record
        self._second_factor = second_factor
        self._clock = clock

    def by_password(
        self, call: Call, identifier: str, password: str, request: GrantRequest
    ) -> Tokens | MfaChallenge:
        """Open a session for whoever knows the password, or ask for the account's second factor.

        Raises:
            InvalidCredentials: Wrong identifier or password, or the account may not log in.
            InsufficientUserAuthentication: The account can't reach the wanted level.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        self._passwords.check_room(time_left=call.time_left())
        account = self._accounts.find_by_identifier(identifier)
        try:
            with self._attempts.login(call, identifier, account, request.client):
                account = self._check_password(call, account, password)
        except InvalidCredentials as error:
            subject = account.account_id if account else ""
            self._record(call.event(EventType.LOGIN, subject=subject, failure=str(error)))
            raise
        self._grants.check(call, request, roles=account.roles)
        account = self._rehash_if_stale(call, account, password)
        if account.has_second_factor:
            return self._second_factor.ask(call, account, request, amr=PASSWORD)
        return self.open_session(call, account, request, amr=PASSWORD)

    def open_session(
        self, call: Call, account: Account, request: GrantRequest, *, amr: tuple[str, ...]
    ) -> Tokens:
        """Open a session for an account that has proven itself by the methods named.

        Raises:
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            InvalidCredentials: The account was closed or changed meanwhile.
            InsufficientUserAuthentication: The methods do not reach the wanted level.

        """
        try:
            tokens = self._grants.open(call, account, request, amr=amr)
        except InsufficientUserAuthentication:
            reason = "no second factor"
            subject = account.account_id
            self._record(call.event(EventType.LOGIN, subject=subject, failure=reason))
            raise
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return tokens

    def _check_password(self, call: Call, account: Account | None, password: str) -> Account:
        stored = account.password_hash if account else None
        is_open = account is not None and account.state is AccountState.ACTIVE
        matches = self._passwords.verify(
            password, stored, is_open=is_open, time_left=call.time_left()
        )
        if account is None or account.password_hash is None:
            raise InvalidCredentials(_UNKNOWN)
        if not matches:
            usable = self._passwords.is_acceptable(account.password_hash)
            raise InvalidCredentials(_WRONG_PASSWORD if usable else _UNACCEPTABLE_HASH)
        if account.state is not AccountState.ACTIVE:
            raise InvalidCredentials(_DISABLED)
        return account

    def _rehash_if_stale(self, call: Call, account: Account, password: str) -> Account:
        """Bring a stored hash up to the present parameters and pepper: the password is at hand."""
        if account.password_hash is None or not self._passwords.needs_rehash(account.password_hash):
            return account
        try:
            renewed = self._passwords.hash(password, time_left=call.time_left())
        except Overloaded:  # another login will do it
            return account
        change = AccountChange(password_hash=renewed)
        try:
            changed, _ = self._accounts.change(
                account.account_id,
                change,
                now=self._clock(),
                event=None,
                expected_epoch=account.epoch,
            )
        except AccountNotFound:  # changed or deleted meanwhile: the session is refused by its epoch
            return account
        return changed
