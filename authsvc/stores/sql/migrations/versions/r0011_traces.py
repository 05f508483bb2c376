"""Events say which trace they are part of."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; what is there is part of none, and workers of before write none."""
    traceparent = sa.String(55).with_variant(sa.String(55, collation="C"), "postgresql")
    op.add_column(
        "events", sa.Column("traceparent", traceparent, nullable=False, server_default="")
    )


def downgrade() -> None:
    """Drop it; the links of events that were part of a trace no longer fit."""
    op.drop_column("events", "traceparent")
