"""The recipe of login, readable from top to bottom; with it register and change of password."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn

from authsvc.domain.accounts import (
    Account,
    AccountChange,
    AccountState,
    AccountStore,
    EndTokens,
)
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.passwords import PasswordPolicy, Passwords
from authsvc.domain.revocation import Revoker
from authsvc.domain.throttling import Bucket, Throttle
from authsvc.errors import (
    AccessDenied,
    AccountNotFound,
    InvalidCredentials,
    Overloaded,
    StoreUnavailable,
    UsernameTaken,
)

PASSWORD = ("pwd",)
"""The authentication method of RFC 8176."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is made of."""

    username: str
    email: str | None
    password: str | None = field(repr=False)
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often may be tried."""

    logins_per_account: int = 10
    """Failed logins with one identifier in a window (NIST SP 800-63B-4, 3.2.2 allows 100)."""
    logins_per_peer: int = 1_000
    """Failed logins from one address in a window; many people share one."""
    registrations_per_peer: int = 1_000
    window: timedelta = timedelta(minutes=5)


class Authenticator:
    """Proves who somebody is by password."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        passwords: Passwords,
        password_policy: PasswordPolicy,
        throttle: Throttle,
        limits: AttemptLimits,
        grants: Grants,
        revoker: Revoker,
        registration_open: bool,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._password_policy = password_policy
        self._throttle = throttle
        self._limits = limits
        self._grants = grants
        self._revoker = revoker
        self._registration_open = registration_open
        self._record = record
        self._clock = clock

    def login(self, call: Call, identifier: str, password: str, request: GrantRequest) -> Tokens:
        """Open a session for whoever knows the password.

        Raises:
            InvalidCredentials: Wrong identifier or password, or the account may not log in.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        account_bucket = self._login_bucket(identifier)
        peer_bucket = self._bucket("login-peer", call.peer, self._limits.logins_per_peer)
        with self._attempt(account_bucket, peer_bucket):
            account = self._check_password(call, identifier, password)
        self._grants.check(request, roles=account.roles)
        account = self._rehash_if_stale(call, account, password)
        tokens = self._grants.open(call, account, request, amr=PASSWORD)
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return tokens

    def register(
        self, call: Call, new: NewAccount, request: GrantRequest
    ) -> tuple[Account, Tokens]:
        """Make an account and open its first session.

        Raises:
            AccessDenied: Registration is closed.
            UsernameTaken: Another account has the user name.
            PasswordRejected: The password breaks the policy.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        if not self._registration_open:
            detail = "registration is closed"
            raise AccessDenied(detail)
        bucket = self._bucket("register-peer", call.peer, self._limits.registrations_per_peer)
        self._grants.check(request, roles=())
        with self._attempt(bucket):
            account = self.create(call, new)
        tokens = self._grants.open(call, account, request, amr=PASSWORD)
        self._record(
            call.event(EventType.LOGIN, subject=account.account_id, session_id=tokens.session_id)
        )
        return account, tokens

    def create(self, call: Call, new: NewAccount) -> Account:
        """Make an account without logging it in.

        Raises:
            UsernameTaken: Another account has the user name.
            PasswordRejected: The password breaks the policy.
            Overloaded: Nothing was hashed.

        """
        if new.password is not None:
            names = (new.username, new.email or "")
            self._password_policy.check(new.password, field="password", names=names)
        if self._accounts.find_by_identifier(new.username) is not None:
            raise UsernameTaken
        now = self._clock()
        account = Account(
            account_id=new_account_id(),
            username=new.username,
            email=new.email,
            email_verified=False,
            roles=tuple(sorted(new.roles)),
            state=AccountState.ACTIVE,
            epoch=0,
            password_hash=self._hash(call, new.password),
            create_time=now,
            update_time=now,
            password_change_time=now if new.password is not None else None,
        )
        self._accounts.create(account)
        self._record(call.event(EventType.ACCOUNT_CREATED, subject=account.account_id))
        return account

    def change_password(self, call: Call, current: str, new: str) -> tuple[int, Tokens]:
        """Change the caller's own password, end all its sessions and open a new one.

        Returns:
            The revision at which the old sessions are dead, and the tokens of the new one.

        Raises:
            TokenRequired: No account calls.
            InvalidCredentials: The current password is wrong, or was changed meanwhile.
            PasswordRejected: The new password breaks the policy.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        account = self._accounts.find(call.own_account())
        if account is None or call.claims is None:
            detail = "the account is gone"
            raise InvalidCredentials(detail)
        names = (account.username, account.email or "")
        self._password_policy.check(new, field="new_password", names=names)
        with self._attempt(self._login_bucket(account.username)):
            if not self._matches(call, current, account.password_hash):
                self._fail(call, EventType.PASSWORD_CHANGED, account, "wrong password")
        account, revision = self._replace_password(call, account, new)
        request = GrantRequest(audience=call.claims.audience, scopes=call.claims.scopes)
        tokens = self._grants.open(call, account, request, amr=PASSWORD)
        self._record(
            call.event(
                EventType.PASSWORD_CHANGED, subject=account.account_id, session_id=tokens.session_id
            )
        )
        return revision, tokens

    def _check_password(self, call: Call, identifier: str, password: str) -> Account:
        account = self._accounts.find_by_identifier(identifier)
        matches = self._matches(call, password, account.password_hash if account else None)
        if account is None or account.password_hash is None:
            self._fail(call, EventType.LOGIN, account, "unknown")
        if not matches:
            self._fail(call, EventType.LOGIN, account, "wrong password")
        if account.state is not AccountState.ACTIVE:
            self._fail(call, EventType.LOGIN, account, "disabled")
        return account

    def _matches(self, call: Call, password: str, stored: str | None) -> bool:
        return self._passwords.verify(password, stored, time_left=call.time_left())

    def _hash(self, call: Call, password: str | None) -> str | None:
        if password is None:
            return None
        return self._passwords.hash(password, time_left=call.time_left())

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

    def _replace_password(self, call: Call, account: Account, new: str) -> tuple[Account, int]:
        now = self._clock()
        change = AccountChange(
            password_hash=self._passwords.hash(new, time_left=call.time_left()),
            password_change_time=now,
        )
        end_tokens = EndTokens(
            reason="password changed", remember_until=self._revoker.remember_account()
        )
        try:
            changed, revocation = self._accounts.change(
                account.account_id,
                change,
                now=now,
                end_tokens=end_tokens,
                expected_epoch=account.epoch,
            )
        except AccountNotFound:
            detail = "the account was changed meanwhile"
            raise InvalidCredentials(detail) from None
        return changed, self._revoker.put_in_force(revocation)

    @contextmanager
    def _attempt(self, *buckets: Bucket) -> Iterator[None]:
        """Reserve an attempt before it is made; give it back if it succeeded or was not made."""
        self._throttle.reserve(buckets, now=self._clock())
        try:
            yield
        except (Overloaded, StoreUnavailable):  # before anything was hashed
            self._throttle.release(buckets)
            raise
        self._throttle.release(buckets)

    def _login_bucket(self, identifier: str) -> Bucket:
        one_spelling = unicodedata.normalize("NFKC", identifier).casefold()
        return self._bucket("login", one_spelling, self._limits.logins_per_account)

    def _bucket(self, name: str, key: str, limit: int) -> Bucket:
        return Bucket(name=name, key=key, limit=limit, window=self._limits.window)

    def _fail(self, call: Call, kind: EventType, account: Account | None, reason: str) -> NoReturn:
        subject = account.account_id if account else ""
        self._record(call.event(kind, subject=subject, failure=reason))
        raise InvalidCredentials(reason)
