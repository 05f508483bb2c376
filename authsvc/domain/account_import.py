"""Taking over accounts from another system, with the password hashes that it made.

A row that was imported before is known again by a digest of all its data, whatever has become of
the account since, so that whole files can be sent again. The digest is made under a secret key: by
itself it lets nobody try passwords or addresses.
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

from authsvc.domain.accounts import Account, AccountState
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import Event, EventType
from authsvc.domain.foreign_hashes.foreign_hash import (
    CostOutOfRange,
    ForeignHash,
    HashKind,
    UnsupportedHash,
)
from authsvc.domain.foreign_hashes.schemes import read_hash
from authsvc.domain.hash_kinds import HashKinds
from authsvc.domain.identifiers import AccountId, new_account_id
from authsvc.domain.imported_hash import ImportedHash
from authsvc.domain.passwords import Passwords
from authsvc.errors import DeadlineExceeded

_WRAPPING_TIME = timedelta(seconds=10)
"""How long the gate of the hashes may keep one weak hash waiting."""


class ImportOutcome(Enum):
    """What can become of a row."""

    CREATED = "created"
    ALREADY_EXISTS = "already exists"
    USERNAME_TAKEN = "user name taken"
    UNSUPPORTED_HASH = "unsupported hash"
    COST_OUT_OF_RANGE = "cost out of range"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRow:
    """An account as another system knew it."""

    username: str
    email: str | None
    email_verified: bool
    roles: tuple[str, ...]
    password_hash: str | None = field(repr=False)
    create_time: datetime | None
    state: AccountState


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a row."""

    outcome: ImportOutcome
    _: KW_ONLY
    account_id: AccountId | None = None
    reason: str = ""
    """Why there is no account, in a sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedAccount:
    """An account to be made of a row."""

    account: Account
    digest: bytes
    """Of the row."""
    kind: HashKind | None
    """Of its password hash; None if that costs what ours do, or nothing, or there is none."""
    event: Event
    """Reports that it was made."""


class AccountImportStore(Protocol):
    """Makes accounts of rows in SQL. Fails closed: StoreUnavailable, and then none was made."""

    def find_imported(self, digests: Sequence[bytes]) -> Mapping[bytes, AccountId]:
        """Give the accounts that rows have become before, by the digests of the rows."""

    def create_imported(
        self, imported: Sequence[ImportedAccount], *, now: datetime
    ) -> Mapping[bytes, AccountId]:
        """Keep accounts but those whose row is known or whose user name is taken, all in one
        transaction. MUST keep with them that their kinds of hashes exist, and the events of those
        that were made (see `events.py`).

        Returns:
            The account of each row, made now or before; none for a row whose user name is taken.

        """


class AccountImport:
    """Makes accounts of rows."""

    def __init__(
        self,
        *,
        store: AccountImportStore,
        passwords: Passwords,
        kinds: HashKinds,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._kinds = kinds
        self._key = key
        self._clock = clock

    def take(self, call: Call, rows: Sequence[ImportedRow]) -> Sequence[ImportResult]:
        """Make an account of each row that can become one, and say what became of each.

        What was made is durable on return; after an error, all of it was or nothing.

        Raises:
            Overloaded: Weak hashes could not be hashed once more.
            DeadlineExceeded: The caller no longer waits.
            StoreUnavailable: SQL does not answer.

        """
        readings = [self._read(row) for row in rows]
        refused = {r.digest: r.refusal for r in readings if r.refusal is not None}
        waiting = {r.digest: r for r in readings if r.refusal is None}
        known = self._find_known(waiting.values())
        now = self._clock()
        new = [self._account(call, r, now) for d, r in waiting.items() if d not in known]
        kept = {**known, **self._create(new)}
        fresh = {one.digest for one in new if kept.get(one.digest) == one.account.account_id}
        results = []
        for reading in readings:
            digest = reading.digest
            results.append(
                refused.get(digest) or _result(kept.get(digest), is_fresh=digest in fresh)
            )
            fresh.discard(digest)  # a second copy of the row finds the account made
        return results

    def _read(self, row: ImportedRow) -> "_Reading":
        digest = _digest(self._key, row)
        text = row.password_hash
        if text is None or self._passwords.has_own_costs(text):
            return _Reading(row, digest)
        try:
            foreign = read_hash(text)
        except UnsupportedHash:
            return _Reading(row, digest, refusal=_UNSUPPORTED)
        except CostOutOfRange as error:
            outcome = ImportOutcome.COST_OUT_OF_RANGE
            return _Reading(row, digest, refusal=ImportResult(outcome, reason=str(error)))
        if not foreign.digest:  # a setting is no hash
            return _Reading(row, digest, refusal=_UNSUPPORTED)
        return _Reading(row, digest, foreign=foreign)

    def _find_known(self, readings: Iterable["_Reading"]) -> Mapping[bytes, AccountId]:
        """Look for rows that are known, if to find out later would be to hash in vain."""
        if any(r.foreign is not None and r.foreign.is_weak for r in readings):
            return self._store.find_imported([r.digest for r in readings])
        return {}

    def _account(self, call: Call, reading: "_Reading", now: datetime) -> ImportedAccount:
        row = reading.row
        account = Account(
            account_id=new_account_id(),
            username=row.username,
            email=row.email,
            email_verified=row.email_verified and row.email is not None,
            roles=tuple(sorted(row.roles)),
            state=row.state,
            epoch=0,
            password_hash=self._stored(call, reading),
            create_time=min(row.create_time or now, now),
            update_time=now,
            password_change_time=None,
        )
        kind = reading.foreign.kind if reading.foreign is not None else None
        return ImportedAccount(
            account=account,
            digest=reading.digest,
            kind=kind,
            event=call.event(
                EventType.ACCOUNT_CREATED, subject=account.account_id, note="imported"
            ),
        )

    def _stored(self, call: Call, reading: "_Reading") -> str | None:
        if reading.foreign is None:
            return reading.row.password_hash
        if not reading.foreign.is_weak:
            return ImportedHash(reading.foreign).stored
        if call.time_left() <= timedelta():
            raise DeadlineExceeded
        wrapping = self._passwords.hash(reading.foreign.text, time_left=_WRAPPING_TIME)
        return ImportedHash(reading.foreign, wrapping).stored

    def _create(self, new: Sequence[ImportedAccount]) -> Mapping[bytes, AccountId]:
        if not new:
            return {}
        self._kinds.announce({one.kind for one in new if one.kind is not None})
        return self._store.create_imported(new, now=self._clock())


@dataclass(frozen=True, slots=True)
class _Reading:
    """A row, and what its password hash is."""

    row: ImportedRow
    digest: bytes
    foreign: ForeignHash | None = None
    """None if there is none, or one of our own."""
    refusal: ImportResult | None = None


_UNSUPPORTED = ImportResult(
    ImportOutcome.UNSUPPORTED_HASH, reason="The password hash has none of the forms understood."
)
_TAKEN = ImportResult(
    ImportOutcome.USERNAME_TAKEN,
    reason="The user name or the verified address is another account's, or the row was imported "
    "with other data.",
)


def _result(account_id: AccountId | None, *, is_fresh: bool) -> ImportResult:
    if account_id is None:
        return _TAKEN
    outcome = ImportOutcome.CREATED if is_fresh else ImportOutcome.ALREADY_EXISTS
    return ImportResult(outcome, account_id=account_id)


def _digest(key: bytes, row: ImportedRow) -> bytes:
    """Give the digest of all that a row says; what it is called in the import does not count."""
    created = row.create_time.isoformat() if row.create_time is not None else None
    data = [row.username, row.email, row.email_verified, row.roles, row.password_hash]
    text = json.dumps([*data, created, row.state.value])
    return hmac.digest(key, text.encode(), "sha256")
