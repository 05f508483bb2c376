"""Resetting a password: a code sent to a verified address allows a new one, and nothing else.

A reset logs nobody in and leaves second factors as they are (ASVS 6.4.3): who has lost both proves
the factor by other means.
"""

from typing import NoReturn

from authsvc.domain.accounts import Account, AccountChange, AccountStore, Addressee, EndTokens
from authsvc.domain.addresses import Address
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.one_time_codes import (
    CodeFormat,
    CodePurpose,
    IssuedCode,
    KeptCode,
    OneTimeCodes,
)
from authsvc.domain.password_policy import PasswordPolicy
from authsvc.domain.passwords import Passwords
from authsvc.domain.revocation import Revoker
from authsvc.errors import AccountNotFound, InvalidCode

_PURPOSE = CodePurpose.PASSWORD_RESET


class PasswordReset:
    """Gives new passwords to accounts that prove an address instead of the old one."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        codes: OneTimeCodes,
        passwords: Passwords,
        password_policy: PasswordPolicy,
        attempts: Attempts,
        revoker: Revoker,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._codes = codes
        self._passwords = passwords
        self._password_policy = password_policy
        self._attempts = attempts
        self._revoker = revoker
        self._record = record
        self._clock = clock

    def start(self, call: Call, address: Address, form: CodeFormat) -> IssuedCode:
        """Issue a code for an address; a decoy if no account may be reset by it.

        Raises:
            TooManyAttempts: Too many codes were asked for, or too many guesses made at them.

        """
        holder = self._holder(address)
        with self._attempts.code_request(call, holder):
            owner = self._accounts.find_addressee(address)
            failure = _obstacle(owner)
            subject = owner.account_id if owner else ""
            return self._codes.issue(
                holder,
                _PURPOSE,
                address,
                None if failure else owner,
                form,
                event=call.event(
                    EventType.PASSWORD_RESET_STARTED, subject=subject, failure=failure
                ),
            )

    def complete(self, call: Call, address: Address | None, code: str, new: str) -> int:
        """Set a new password by a code, and end all that the old one had opened.

        Returns:
            The revision at which the account's sessions and tokens are dead.

        Raises:
            InvalidCode: The code does not allow it. Nothing was hashed, so that time tells nothing.
            PasswordRejected: The new password breaks the policy; the code is as good as before.
            TooManyAttempts: Nothing was looked up.
            Overloaded: Nothing was hashed; the code is as good as before.

        """
        with self._attempts.code(call):
            kept, account = self._recognise(call, address, code)
            names = (account.username, account.email or "")
            self._password_policy.check(
                new,
                field="new_password",
                names=names,
                has_second_factor=account.has_second_factor,
            )
            return self._replace(call, account, kept, new)

    def _recognise(
        self, call: Call, address: Address | None, code: str
    ) -> tuple[KeptCode, Account]:
        holders = () if address is None else (self._holder(address),)
        try:
            kept = self._codes.recognise(holders, _PURPOSE, code)
        except InvalidCode as invalid:
            owner = self._accounts.find_addressee(address) if address else None
            self._fail(call, owner, str(invalid))
        account = self._accounts.find(kept.account_id)
        if account is None or not self._codes.address_of(kept, account.verified_addresses()):
            self._fail(call, account, "the address was changed meanwhile")
        return kept, account

    def _replace(self, call: Call, account: Account, kept: KeptCode, new: str) -> int:
        password_hash = self._passwords.hash(new, time_left=call.time_left())
        now = self._clock()
        end_tokens = EndTokens(
            reason="password reset", remember_until=self._revoker.remember_account()
        )
        try:
            _, revocation = self._accounts.change(
                account.account_id,
                AccountChange(password_hash=password_hash, password_change_time=now),
                now=now,
                event=call.event(EventType.PASSWORD_RESET, subject=account.account_id),
                end_tokens=end_tokens,
                expected_epoch=kept.epoch,
                code_hash=kept.code_hash,
            )
        except (AccountNotFound, InvalidCode) as overtaken:
            self._fail(call, account, str(overtaken))
        return self._revoker.put_in_force(revocation)

    def _holder(self, address: Address) -> bytes:
        return self._codes.holder(_PURPOSE, address.kind.value, address.key)

    def _fail(self, call: Call, account: Account | Addressee | None, reason: str) -> NoReturn:
        subject = account.account_id if account else ""
        self._record(call.event(EventType.PASSWORD_RESET, subject=subject, failure=reason))
        raise InvalidCode(reason) from None


def _obstacle(owner: Addressee | None) -> str:
    """Say why no password may be reset by an address; nothing if one may."""
    if owner is None:
        return "unknown"
    if not owner.is_active:
        return "disabled"
    return "" if owner.has_password else "no password"
