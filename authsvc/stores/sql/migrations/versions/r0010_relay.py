"""How far events have been relayed, and what was refused."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "relay_cursors",
        sa.Column("sink", _identifier(32), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sink", name="pk_relay_cursors"),
        **_MYSQL,
    )
    op.create_table(
        "dead_letters",
        sa.Column("sink", _identifier(32), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("event_id", _identifier(36), nullable=False),
        sa.Column("type", _identifier(64), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("refuse_time", sa.BigInteger, nullable=False),
        sa.Column("refusals", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("sink", "sequence", name="pk_dead_letters"),
        **_MYSQL,
    )


def downgrade() -> None:
    """Drop them: events would be relayed from the oldest on, and refused ones again."""
    op.drop_table("dead_letters")
    op.drop_table("relay_cursors")


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
