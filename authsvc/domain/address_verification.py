"""Verifying addresses: a code that comes back proves that an account's address is its own.

An address is one account's: the first that verifies it (docs/decisions/0005). Others may go on to
name it, and gain nothing by that.
"""

from typing import NoReturn

from authsvc.domain.accounts import AccountChange, AccountStore, Addressee
from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.attempts import Attempts
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventSink, EventType
from authsvc.domain.identifiers import AccountId
from authsvc.domain.one_time_codes import CodeFormat, CodePurpose, IssuedCode, OneTimeCodes
from authsvc.errors import AccountNotFound, InvalidCode

_PURPOSE = CodePurpose.VERIFICATION


class AddressVerification:
    """Marks addresses as verified."""

    def __init__(
        self,
        *,
        accounts: AccountStore,
        codes: OneTimeCodes,
        attempts: Attempts,
        record: EventSink,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._codes = codes
        self._attempts = attempts
        self._record = record
        self._clock = clock

    def start(
        self, call: Call, account_id: AccountId, address: Address, form: CodeFormat
    ) -> IssuedCode:
        """Issue a code for an account's address; a decoy if it is not the account's present one.

        Raises:
            TooManyAttempts: Too many codes were asked for, or too many guesses made at them.

        """
        holder = self._holder(account_id, address.kind)
        with self._attempts.code_request(call, holder):
            owner = self._accounts.find_addressee(address, account_id=account_id)
            failure = _obstacle(owner, address)
            return self._codes.issue(
                holder,
                _PURPOSE,
                address,
                None if failure else owner,
                form,
                event=call.event(
                    EventType.VERIFICATION_STARTED, subject=account_id, failure=failure
                ),
            )

    def complete(self, call: Call, account_id: AccountId, code: str) -> None:
        """Mark the address that a code was issued for as verified.

        Raises:
            InvalidCode: The code does not allow it, or another account was first.
            TooManyAttempts: Nothing was looked up.

        """
        with self._attempts.code(call):
            try:
                self._verify(call, account_id, code)
            except (AccountNotFound, InvalidCode) as refusal:
                self._fail(call, account_id, str(refusal))

    def _verify(self, call: Call, account_id: AccountId, code: str) -> None:
        holders = tuple(self._holder(account_id, kind) for kind in AddressKind)
        kept = self._codes.recognise(holders, _PURPOSE, code)
        account = self._accounts.find(account_id)
        address = self._codes.address_of(kept, account.addresses() if account else ())
        if address is None:
            detail = "the address was changed meanwhile"
            raise InvalidCode(detail)
        self._accounts.change(
            account_id,
            AccountChange(verified=address.kind),
            now=self._clock(),
            event=call.event(EventType.ADDRESS_VERIFIED, subject=account_id),
            expected_epoch=kept.epoch,
            code_hash=kept.code_hash,
        )

    def _holder(self, account_id: AccountId, kind: AddressKind) -> bytes:
        return self._codes.holder(_PURPOSE, account_id, kind.value)

    def _fail(self, call: Call, account_id: AccountId, reason: str) -> NoReturn:
        self._record(call.event(EventType.ADDRESS_VERIFIED, subject=account_id, failure=reason))
        raise InvalidCode(reason) from None


def _obstacle(owner: Addressee | None, address: Address) -> str:
    """Say why an address can't be verified for an account; nothing if it can."""
    if owner is None:
        return "unknown"
    if not owner.is_active:
        return "disabled"
    return "" if address.key == owner.address.key else "another address"
