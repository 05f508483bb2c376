"""Which programs the schema serves."""

from sqlalchemy import Column, String, Table

from authsvc.stores.sql.schema.columns import MYSQL, metadata

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    # One row: the `HEAD` of the oldest program that can work with the schema as it is.
    Column("oldest", String(32), nullable=False),
    **MYSQL,
)
