"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

_MYSQL: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make them, and the journal's one head."""
    _create_accounts()
    _create_journal()
    _create_keys_and_settings()
    _create_service_accounts()


def downgrade() -> None:
    """Drop them, with all that they hold."""
    for table in (
        "api_keys",
        "service_accounts",
        "settings",
        "signing_keys",
        "revocations",
        "journal_head",
        "accounts",
    ):
        op.drop_table(table)


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", _identifier(36), nullable=False),
        sa.Column("username", sa.String(255), nullable=False),
        sa.Column("username_key", _exact_bytes(255), nullable=False),
        sa.Column("email", sa.String(255)),
        sa.Column("email_key", _exact_bytes(1024)),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("email_time", sa.BigInteger),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("update_time", sa.BigInteger, nullable=False),
        sa.Column("password_change_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.UniqueConstraint("username_key", name="uq_accounts_username_key"),
        **_MYSQL,
    )
    op.create_index("ix_accounts_email_key", "accounts", ["email_key"])


def _create_journal() -> None:
    head = op.create_table(
        "journal_head",
        sa.Column("head_id", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("head_id", name="pk_journal_head"),
        **_MYSQL,
    )
    op.bulk_insert(head, [{"head_id": 1, "revision": 0}])
    op.create_table(
        "revocations",
        sa.Column("revision", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", _identifier(255), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("remember_until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_revocations"),
        **_MYSQL,
    )
    op.create_index("ix_revocations_remember_until", "revocations", ["remember_until"])


def _create_keys_and_settings() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("key_id", _identifier(64), nullable=False),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary, nullable=False),
        sa.Column("public_jwk", sa.Text, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("activate_time", sa.BigInteger, nullable=False),
        sa.Column("revoke_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("key_id", name="pk_signing_keys"),
        **_MYSQL,
    )
    op.create_table(
        "settings",
        sa.Column("name", _identifier(128), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
        **_MYSQL,
    )


def _create_service_accounts() -> None:
    op.create_table(
        "service_accounts",
        sa.Column("name", _identifier(63), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_service_accounts"),
        **_MYSQL,
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", _identifier(64), nullable=False),
        sa.Column("service_account", _identifier(63), nullable=False),
        sa.Column("secret_hash", _exact_bytes(32), nullable=False),
        sa.Column("create_time", sa.BigInteger, nullable=False),
        sa.Column("expire_time", sa.BigInteger),
        sa.Column("revoke_time", sa.BigInteger),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(
            ["service_account"],
            ["service_accounts.name"],
            name="fk_api_keys_service_account",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("secret_hash", name="uq_api_keys_secret_hash"),
        **_MYSQL,
    )
    op.create_index("ix_api_keys_service_account", "api_keys", ["service_account"])


def _identifier(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _exact_bytes(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql")
