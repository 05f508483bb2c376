"""Second factors."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make their tables, and let accounts say whether they have any."""
    op.add_column(
        "accounts",
        sa.Column("has_second_factor", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "factors",
        sa.Column("factor_id", _identifier(36), nullable=False),
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("display_name", sa.String(128), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("last_use_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("factor_id", name="pk_factors"),
        _of_account("factors"),
        **_MYSQL,
    )
    op.create_index("ix_factors_account_id", "factors", ["account_id"])
    _create_totp()
    op.create_table(
        "recovery_codes",
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("code_hash", _exact_bytes(32), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "code_hash", name="pk_recovery_codes"),
        _of_account("recovery_codes"),
        **_MYSQL,
    )


def downgrade() -> None:
    """Drop them, with all that they hold."""
    for table in ("recovery_codes", "totp_enrolments", "totp_secrets", "factors"):
        op.drop_table(table)
    op.drop_column("accounts", "has_second_factor")


def _create_totp() -> None:
    op.create_table(
        "totp_secrets",
        sa.Column("factor_id", _identifier(36), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("factor_id", name="pk_totp_secrets"),
        sa.ForeignKeyConstraint(
            ["factor_id"],
            ["factors.factor_id"],
            name="fk_totp_secrets_factor_id",
            ondelete="CASCADE",
        ),
        **_MYSQL,
    )
    op.create_table(
        "totp_enrolments",
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("factor_id", _identifier(36), nullable=False),
        sa.Column("display_name", sa.String(128), nullable=False),
        sa.Column("sealed_seed", sa.LargeBinary, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account_id", name="pk_totp_enrolments"),
        _of_account("totp_enrolments"),
        **_MYSQL,
    )


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"],
        ["accounts.account_id"],
        name=f"fk_{table}_account_id",
        ondelete="CASCADE",
    )


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
