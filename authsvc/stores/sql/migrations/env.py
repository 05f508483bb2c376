"""What Alembic runs: the revisions, on the connection that `migrate.py` has opened."""

from alembic import context

from authsvc.stores.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
