"""Changing a password: it proves the old one, and ends all that the old one had opened."""

from authsvc.domain.accounts import Account, AccountChange, AccountStore, EndTokens
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.grants import Grants, Tokens
from authsvc.domain.identifiers import SessionId
from authsvc.domain.login import PASSWORD
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.passwords import Passwords
from authsvc.domain.reauthentication import own_account, require_second_factor
from authsvc.domain.revocation import Revoker
from authsvc.errors import AccountNotFound, InvalidCredentials


class PasswordChange:
    """Gives accounts new passwords."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        passwords: Passwords,
        password_policy: PasswordPolicy,
        attempts: Attempts,
        grants: Grants,
        revoker: Revoker,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._passwords = passwords
        self._password_policy = password_policy
        self._attempts = attempts
        self._grants = grants
        self._revoker = revoker
        self._record = record
        self._clock = clock

    def by_current_password(self, call: Call, current: str, new: str) -> tuple[int, Tokens]:
        """Change the caller's own password, end all its sessions and open a new one.

        Returns:
            The revision at which the old sessions are dead, and the tokens of the new one.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: It logged in without its second factor.
            InvalidCredentials: The current password is wrong, or was changed meanwhile.
            PasswordRejected: The new password breaks the policy.
            TooManyAttempts: Nothing was hashed.
            Overloaded: Nothing was hashed.

        """
        account = own_account(call, self._accounts)
        require_second_factor(call, account, now=self._clock().timestamp())
        names = (account.username, account.email or "")
        self._password_policy.check(
            new,
            field="new_password",
            names=names,
            has_second_factor=account.has_second_factor,
        )
        self._prove(call, account, current)
        session_id = self._grants.new_session(account.account_id)
        account, revision = self._replace(call, account, new, session_id)
        # Of two factors only one was proven anew: then the login is still when both were.
        auth_time = None if account.has_second_factor else self._clock()
        tokens = self._grants.renew(
            call, account, session_id=session_id, methods=PASSWORD, auth_time=auth_time
        )
        return revision, tokens

    def _replace(
        self, call: Call, account: Account, new: str, session_id: SessionId
    ) -> tuple[Account, int]:
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
                event=call.event(
                    EventType.PASSWORD_CHANGED, subject=account.account_id, session_id=session_id
                ),
                end_tokens=end_tokens,
                expected_epoch=account.epoch,
            )
        except AccountNotFound:
            detail = "the account was changed meanwhile"
            raise InvalidCredentials(detail) from None
        return changed, self._revoker.put_in_force(revocation)

    def _prove(self, call: Call, account: Account, current: str) -> None:
        try:
            with self._attempts.own_password(account):
                self._check(call, account, current)
        except InvalidCredentials as error:
            subject = account.account_id
            self._record(
                call.event(EventType.PASSWORD_CHANGED, subject=subject, failure=str(error))
            )
            raise

    def _check(self, call: Call, account: Account, current: str) -> None:
        stored = account.password_hash
        if not self._passwords.verify(current, stored, time_left=call.time_left()):
            usable = stored is None or self._passwords.is_acceptable(stored)
            detail = "wrong password" if usable else "unacceptable hash"
            raise InvalidCredentials(detail)
