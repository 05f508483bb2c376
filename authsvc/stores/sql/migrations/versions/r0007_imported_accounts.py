"""What is kept of accounts that were imported, and the kinds of foreign hashes."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Add them."""
    op.add_column("accounts", sa.Column("hash_family", _identifier(64)))
    op.add_column("accounts", sa.Column("hash_work", sa.BigInteger))
    digest = sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), "mysql")
    op.add_column("accounts", sa.Column("import_digest", digest))
    op.create_index("ix_accounts_hash_family", "accounts", ["hash_family", "hash_work"])
    op.create_index("ix_accounts_import_digest", "accounts", ["import_digest"], unique=True)
    op.create_table(
        "hash_kinds",
        sa.Column("family", _identifier(64), nullable=False),
        sa.Column("work", sa.BigInteger, nullable=False),
        sa.Column("announce_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("family", name="pk_hash_kinds"),
        **_MYSQL,
    )


def downgrade() -> None:
    """Drop them; accounts with a foreign hash can then no longer log in by password."""
    op.drop_table("hash_kinds")
    op.drop_index("ix_accounts_import_digest", "accounts")
    op.drop_index("ix_accounts_hash_family", "accounts")
    for name in ("import_digest", "hash_work", "hash_family"):
        op.drop_column("accounts", name)


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
