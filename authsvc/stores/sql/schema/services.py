"""Service accounts, and the keys and certificates by which they are known."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    UniqueConstraint,
)

from authsvc.stores.sql.schema.columns import MYSQL, Json, Moment, exact_bytes, identifier, metadata

service_accounts = Table(
    "service_accounts",
    metadata,
    Column("name", identifier(63), primary_key=True),
    Column("service_account_id", identifier(36), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("methods", Json, nullable=False),
    Column("audiences", Json, nullable=False),
    Column("own_audiences", Json, nullable=False),
    Column("public_keys", Json, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("update_time", Moment, nullable=False),
    Index(None, "service_account_id", unique=True),
    **MYSQL,
)

certificate_names = Table(
    "certificate_names",
    metadata,
    # As bytes: a SPIFFE URI has up to 2,048, which MySQL can't index as text.
    Column("name", exact_bytes(2048), primary_key=True),
    Column(
        "service_account",
        identifier(63),
        ForeignKey("service_accounts.name", ondelete="CASCADE"),
        nullable=False,
    ),
    Index(None, "service_account"),
    **MYSQL,
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", identifier(64), primary_key=True),
    Column(
        "service_account",
        identifier(63),
        ForeignKey("service_accounts.name", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("session_id", identifier(22), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("scopes", Json, nullable=False),
    Column("secret_hash", exact_bytes(32), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("expire_time", Moment),
    Column("revoke_time", Moment),
    Column("last_use_time", Moment),
    UniqueConstraint("secret_hash"),
    Index(None, "service_account"),
    **MYSQL,
)
