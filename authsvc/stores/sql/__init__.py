"""What must never be lost, in SQL: one implementation for SQLite, PostgreSQL and MySQL."""
