"""What user names look like, so that nobody registers a name that can be taken for another's."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

_BATCH = 1_000
_LOOKS = str.maketrans({"0": "o", "1": "l", "i": "l", "m": "rn", "w": "vv"})

_accounts = sa.table(
    "accounts",
    sa.column("account_id", sa.String),
    sa.column("username_key", sa.LargeBinary),
    sa.column("username_skeleton", sa.LargeBinary),
)


def upgrade() -> None:
    """Add the column and fill it. No account that is there claims its look: two may look alike."""
    column = sa.LargeBinary(255).with_variant(mysql.VARBINARY(255), "mysql")
    op.add_column("accounts", sa.Column("username_skeleton", column))
    _fill(op.get_bind())
    op.create_index("ix_accounts_username_skeleton", "accounts", ["username_skeleton"], unique=True)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_accounts_username_skeleton", "accounts")
    op.drop_column("accounts", "username_skeleton")


def _fill(connection: sa.Connection) -> None:
    columns = _accounts.c
    page = sa.select(columns.account_id, columns.username_key).order_by(columns.account_id)
    rows = connection.execute(page.limit(_BATCH)).all()
    change = (
        sa.update(_accounts)
        .where(columns.account_id == sa.bindparam("id"))
        .values(username_skeleton=sa.bindparam("look"))
    )
    while rows:
        connection.execute(
            change, [{"id": account_id, "look": _look(key, account_id)} for account_id, key in rows]
        )
        rows = connection.execute(
            page.where(columns.account_id > rows[-1].account_id).limit(_BATCH)
        ).all()


def _look(username_key: bytes, account_id: str) -> bytes:
    name = username_key.decode("utf-8", "surrogateescape").translate(_LOOKS)
    return name.encode("utf-8", "surrogateescape") + b"\0" + account_id.encode()
