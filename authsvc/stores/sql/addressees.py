"""Whose an address is, asked for so that the answer's time does not tell whether there is one.

The query gives one row in any case, which is empty if there is no such account, and of plain
columns alone. To read a whole account takes measurably longer than to read none.
"""

from typing import Any

from sqlalchemy import Row, Select, and_, literal, select

from authsvc.domain.accounts import AccountState, Addressee
from authsvc.domain.addresses import Address, AddressKind
from authsvc.domain.identifiers import AccountId
from authsvc.stores.sql.schema import accounts


def addressee_query(address: Address, account_id: AccountId | None) -> Select[Any]:
    """Give the query of `AccountStore.find_addressee`."""
    columns = accounts.c
    is_email = address.kind is AddressKind.EMAIL
    if account_id is not None:
        is_its = columns.account_id == account_id
    elif is_email:
        # A program of the version before may have changed the address and not its verified key.
        is_its = and_(columns.verified_email_key == address.key, columns.email_verified)
    else:
        is_its = columns.verified_phone_number == address.text
    always = select(literal(1).label("one")).subquery()
    return select(
        columns.account_id,
        columns.epoch,
        columns.state,
        columns.password_hash.is_not(None).label("has_password"),
        (columns.email if is_email else columns.phone_number).label("address"),
    ).select_from(always.outerjoin(accounts, is_its))


def addressee_from(row: Row[Any], kind: AddressKind) -> Addressee | None:
    """Give the addressee of a row, or None if it is empty."""
    if row.address is None:
        return None
    return Addressee(
        account_id=AccountId(row.account_id),
        epoch=row.epoch,
        address=Address(kind, row.address),
        is_active=row.state == AccountState.ACTIVE.value,
        has_password=row.has_password,
    )
