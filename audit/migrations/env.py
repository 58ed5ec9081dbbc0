"""What Alembic runs: the migrations, on the connection and in the transaction of whoever asked."""

from __future__ import annotations

from alembic import context

from licet.audit.schema import VERSION_TABLE, metadata
from licet.audit.triggers import install

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, version_table=VERSION_TABLE)
context.run_migrations()
# Here and not in a version: SQLite's way of altering a table, a new one in its place, drops the old one's
# triggers.
install(connection)
