"""Service accounts say which audiences they are themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the list. It is empty: nobody exchanges what nobody has said is sent to it."""
    is_mysql = op.get_bind().dialect.name == "mysql"  # which takes expressions alone for TEXT
    empty = sa.text("('[]')" if is_mysql else "'[]'")
    column = sa.Column("own_audiences", sa.Text, nullable=False, server_default=empty)
    op.add_column("service_accounts", column)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("service_accounts", "own_audiences")
