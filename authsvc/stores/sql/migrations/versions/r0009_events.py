"""Security events."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make them, and their one head."""
    head = op.create_table(
        "events_head",
        sa.Column("head_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("link", _exact_bytes(32), nullable=False),
        sa.Column("base_sequence", sa.BigInteger, nullable=False),
        sa.Column("base_link", _exact_bytes(32), nullable=False),
        sa.PrimaryKeyConstraint("head_id", name="pk_events_head"),
        **_MYSQL,
    )
    first = {"head_id": 1, "sequence": 0, "base_sequence": 0}
    op.bulk_insert(head, [{**first, "link": bytes(32), "base_link": bytes(32)}])
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("event_id", _identifier(36), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("type", _identifier(64), nullable=False),
        sa.Column("actor", _identifier(255), nullable=False),
        sa.Column("peer", _identifier(255), nullable=False),
        sa.Column("subject", _identifier(255), nullable=False),
        sa.Column("session_id", _identifier(64), nullable=False),
        sa.Column("succeeded", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("correlation_id", _identifier(128), nullable=False),
        sa.Column("link", _exact_bytes(32), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_events"),
        **_MYSQL,
    )
    op.create_index("ix_events_create_time", "events", ["create_time"])
    op.create_index("ix_events_subject", "events", ["subject"])


def downgrade() -> None:
    """Drop them, with all that they hold."""
    op.drop_table("events")
    op.drop_table("events_head")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")
