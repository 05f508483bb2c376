"""Making accounts: by people for themselves, and by those who look after accounts."""

from dataclasses import dataclass, field

from authsvc.domain.accounts import Account, AccountState, AccountStore
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventType
from authsvc.domain.grants import GrantRequest, Grants, Tokens
from authsvc.domain.identifiers import new_account_id
from authsvc.domain.login import PASSWORD, Login
from authsvc.domain.names import is_reserved
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.passwords import Passwords
from authsvc.errors import AccessDenied, FieldViolation, InvalidRequest, UsernameTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What an account is made of."""

    username: str
    email: str | None
    password: str | None = field(repr=False)
    roles: tuple[str, ...] = ()
    phone_number: str | None = None


class Registration:
    """Makes accounts."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        passwords: Passwords,
        password_policy: PasswordPolicy,
        attempts: Attempts,
        grants: Grants,
        login: Login,
        is_open: bool,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._password_policy = password_policy
        self._attempts = attempts
        self._grants = grants
        self._login = login
        self._is_open = is_open
        self._clock = clock

    def register(
        self, call: Call, new: NewAccount, request: GrantRequest
    ) -> tuple[Account, Tokens]:
        """Make an account and open its first session.

        Raises:
            AccessDenied: Registration is closed.
            InvalidRequest: The user name is reserved.
            UsernameTaken: Another account has the user name, or one that looks like it.
            PasswordRejected: The password breaks the policy.
            InvalidAudience: Tokens are not issued for the audience.
            InvalidScope: A scope may not be granted.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        if not self._is_open:
            detail = "registration is closed"
            raise AccessDenied(detail)
        if is_reserved(new.username):
            raise InvalidRequest(FieldViolation("username", "It is reserved; choose another."))
        self._grants.check(call, request, roles=())
        with self._attempts.registration(call, request.client):
            account = self._create(call, new, must_look_new=True)
        return account, self._login.open_session(call, account, request, amr=PASSWORD)

    def create(self, call: Call, new: NewAccount) -> Account:
        """Make an account without logging it in, by whatever name that nobody has.

        Raises:
            UsernameTaken: Another account has the user name.
            PasswordRejected: The password breaks the policy.
            Overloaded: Nothing was hashed.

        """
        return self._create(call, new, must_look_new=False)

    def _create(self, call: Call, new: NewAccount, *, must_look_new: bool) -> Account:
        if new.password is not None:
            names = (new.username, new.email or "")
            self._password_policy.check(new.password, field="password", names=names)
        if self._is_taken(new.username, must_look_new=must_look_new):
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
            phone_number=new.phone_number,
        )
        event = call.event(EventType.ACCOUNT_CREATED, subject=account.account_id)
        self._accounts.create(account, event=event, must_look_new=must_look_new)
        return account

    def _is_taken(self, username: str, *, must_look_new: bool) -> bool:
        """Look before the password is hashed for nothing; what counts is `AccountStore.create`."""
        if must_look_new:
            return self._accounts.has_look_alike(username)
        return self._accounts.find_by_identifier(username) is not None

    def _hash(self, call: Call, password: str | None) -> str | None:
        if password is None:
            return None
        return self._passwords.hash(password, time_left=call.time_left())
