"""Alembic's environment and the revisions of the schema; `migrate.py` runs them."""
