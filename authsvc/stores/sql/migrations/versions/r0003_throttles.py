"""Wrong guesses and known devices."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make their tables."""
    op.create_table(
        "guesses",
        sa.Column("name", _exact_bytes(32), nullable=False),
        sa.Column("subject", _identifier(36), nullable=False),
        sa.Column("kind", _identifier(40), nullable=False),
        sa.Column("failures", sa.BigInteger, nullable=False),
        sa.Column("last_time", sa.BigInteger, nullable=False),
        sa.Column("forget_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "subject", name="pk_guesses"),
        **_MYSQL,
    )
    op.create_index("ix_guesses_subject", "guesses", ["subject"])
    op.create_index("ix_guesses_forget_time", "guesses", ["forget_time"])
    op.create_table(
        "devices",
        sa.Column("pseudonym", _exact_bytes(32), nullable=False),
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("last_use_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name="pk_devices"),
        **_MYSQL,
    )
    op.create_index("ix_devices_account_id", "devices", ["account_id"])
    op.create_index("ix_devices_last_use_time", "devices", ["last_use_time"])


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("devices")
    op.drop_table("guesses")


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
