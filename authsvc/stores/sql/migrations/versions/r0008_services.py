"""Service accounts get ids, epochs, allowlists and names of certificates; API keys get scopes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from authsvc.domain.identifiers import (
    account_partition,
    new_service_account_id,
    new_session_id,
)

revision = "0008"
down_revision = "0007"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_EVERYTHING = '["*"]'
_NEW_IN_ACCOUNTS = (
    *("service_account_id", "methods", "audiences", "public_keys", "epoch", "update_time"),
)
_NEW_IN_KEYS = ("session_id", "display_name", "scopes", "last_use_time")

_accounts = sa.table(
    "service_accounts",
    *map(sa.column, ("name", "create_time", *_NEW_IN_ACCOUNTS)),
)
_keys = sa.table("api_keys", *map(sa.column, ("key_id", "service_account", *_NEW_IN_KEYS)))


def upgrade() -> None:
    """Add them. What existing accounts and keys were allowed until now is written out."""
    _extend_accounts()
    _extend_keys()
    op.create_table(
        "certificate_names",
        sa.Column("name", _exact_bytes(2048), nullable=False),
        sa.Column("service_account", _identifier(63), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_certificate_names"),
        sa.ForeignKeyConstraint(
            ["service_account"],
            ["service_accounts.name"],
            name="fk_certificate_names_service_account",
            ondelete="CASCADE",
        ),
        **_MYSQL,
    )
    op.create_index(
        "ix_certificate_names_service_account", "certificate_names", ["service_account"]
    )


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("certificate_names")
    for name in _NEW_IN_KEYS:
        op.drop_column("api_keys", name)
    op.drop_index("ix_service_accounts_service_account_id", "service_accounts")
    for name in _NEW_IN_ACCOUNTS:
        op.drop_column("service_accounts", name)


def _extend_accounts() -> None:
    for column in (
        sa.Column("service_account_id", _identifier(36), nullable=False, server_default=""),
        _list("methods"),
        _list("audiences"),
        _list("public_keys"),
        sa.Column("epoch", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("update_time", sa.BigInteger, nullable=False, server_default="0"),
    ):
        op.add_column("service_accounts", column)
    connection = op.get_bind()
    for name in connection.scalars(sa.select(_accounts.c.name)).all():
        connection.execute(
            sa.update(_accounts)
            .where(_accounts.c.name == name)
            .values(
                service_account_id=new_service_account_id(),
                methods=_EVERYTHING,
                audiences=_EVERYTHING,
                update_time=_accounts.c.create_time,
            )
        )
    op.create_index(
        "ix_service_accounts_service_account_id",
        "service_accounts",
        ["service_account_id"],
        unique=True,
    )


def _extend_keys() -> None:
    for column in (
        sa.Column("session_id", _identifier(22), nullable=False, server_default=""),
        sa.Column("display_name", sa.String(128), nullable=False, server_default=""),
        _list("scopes"),
        sa.Column("last_use_time", sa.BigInteger),
    ):
        op.add_column("api_keys", column)
    connection = op.get_bind()
    owners = sa.select(_keys.c.key_id, _accounts.c.service_account_id).join_from(
        _keys, _accounts, _keys.c.service_account == _accounts.c.name
    )
    for key_id, service_account_id in connection.execute(owners).all():
        partition = account_partition(service_account_id)
        connection.execute(
            sa.update(_keys)
            .where(_keys.c.key_id == key_id)
            .values(session_id=new_session_id(partition), scopes=_EVERYTHING)
        )


def _list(name: str) -> sa.Column[str]:
    """A list that allows nothing where nothing is said; MySQL takes expressions alone for TEXT."""
    is_mysql = op.get_bind().dialect.name == "mysql"
    empty = sa.text("('[]')" if is_mysql else "'[]'")
    return sa.Column(name, sa.Text, nullable=False, server_default=empty)


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
