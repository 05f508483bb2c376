"""The schema says which programs it still serves, so that an upgrade can be rolled out and back."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Serve the programs from this revision on: those of before take their own schema alone."""
    compatibility = op.create_table(
        "schema_compatibility",
        sa.Column("oldest", sa.String(32), nullable=False),
        **_MYSQL,
    )
    op.bulk_insert(compatibility, [{"oldest": revision}])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("schema_compatibility")
