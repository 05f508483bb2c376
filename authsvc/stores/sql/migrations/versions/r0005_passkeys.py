"""Passkeys."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make their table."""
    op.create_table(
        "passkeys",
        sa.Column("factor_id", _identifier(36), nullable=False),
        sa.Column("credential_id", _exact_bytes(1023), nullable=False),
        sa.Column("user_handle", _exact_bytes(64), nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", sa.BigInteger, nullable=False),
        sa.Column("aaguid", _exact_bytes(16), nullable=False),
        sa.Column("transports", sa.Text, nullable=False),
        sa.Column("backup_eligible", sa.Boolean, nullable=False),
        sa.Column("backed_up", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("factor_id", name="pk_passkeys"),
        sa.ForeignKeyConstraint(
            ["factor_id"], ["factors.factor_id"], name="fk_passkeys_factor_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        **_MYSQL,
    )


def downgrade() -> None:
    """Drop it, with all passkeys."""
    op.drop_table("passkeys")


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
