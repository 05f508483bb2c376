"""Signing keys and what the service keeps for itself."""

from sqlalchemy import Column, LargeBinary, String, Table

from authsvc.stores.sql.schema.columns import MYSQL, Json, Moment, identifier, metadata

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("key_id", identifier(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("sealed_private_key", LargeBinary, nullable=False),
    Column("public_jwk", Json, nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("activate_time", Moment, nullable=False),
    Column("revoke_time", Moment),
    **MYSQL,
)

settings = Table(
    "settings",
    metadata,
    Column("name", identifier(128), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    **MYSQL,
)
