"""Phone numbers, one account for each verified address, and one-time codes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_COLUMNS = ("verified_email_key", "verified_phone_number")


def upgrade() -> None:
    """Add them."""
    op.add_column("accounts", sa.Column("verified_email_key", _exact_bytes(1024)))
    op.add_column("accounts", sa.Column("phone_number", sa.String(16)))
    op.add_column("accounts", sa.Column("verified_phone_number", _identifier(16)))
    for column in _COLUMNS:
        op.create_index(f"ix_accounts_{column}", "accounts", [column], unique=True)
    op.create_table(
        "one_time_codes",
        sa.Column("holder", _exact_bytes(32), nullable=False),
        sa.Column("code_hash", _exact_bytes(32), nullable=False),
        sa.Column("is_guessable", sa.Boolean, nullable=False),
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("address", _exact_bytes(32), nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.Column("wrong_guesses", sa.SmallInteger, nullable=False),
        sa.Column("guesses_end_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("holder", name="pk_one_time_codes"),
        **_MYSQL,
    )
    for column in ("code_hash", "account_id", "expire_time"):
        op.create_index(f"ix_one_time_codes_{column}", "one_time_codes", [column])


def downgrade() -> None:
    """Drop them, with all that they hold; whose address is verified stays known."""
    op.drop_table("one_time_codes")
    for column in _COLUMNS:
        op.drop_index(f"ix_accounts_{column}", "accounts")
    for column in (*_COLUMNS, "phone_number"):
        op.drop_column("accounts", column)


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
