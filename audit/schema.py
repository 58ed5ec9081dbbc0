"""The journal's tables, as they are now. How they came to be is in `licet.audit.migrations`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

REVISION = "0001"
"""The migration that these tables are at."""

VERSION_TABLE = "licet_version"
"""Where Alembic notes the revision; a name of our own, so that it never meets an application's."""

metadata = MetaData()

events = Table(
    "events",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("record", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    CheckConstraint("seq >= 1", name="events_seq"),
    CheckConstraint("length(hash) = 64", name="events_hash"),
)
"""The records. `record` is the canonical JSON over which `hash` is taken; nothing is ever changed or removed.

With SQLite's row ids: without them a row above a quarter of a page, as most records are, takes a page of its
own.
"""

payloads = Table(
    "payloads",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""What a record holds by salted digest only."""

heads = Table(
    "heads",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("claim", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    CheckConstraint("seq >= 1", name="heads_seq"),
    CheckConstraint("claim BETWEEN 0 AND seq", name="heads_claim"),
    sqlite_with_rowid=False,
)
"""Where each stream stands; shows a tail that was cut off, and serves listings."""

Index("heads_by_status", heads.c.status, heads.c.stream)
Index("heads_by_tenant", heads.c.tenant, heads.c.stream)

budgets = Table(
    "budgets",
    metadata,
    Column("budget", Text, primary_key=True),
    Column("used", BigInteger, nullable=False),
    CheckConstraint("used >= 0", name="budgets_used"),
    sqlite_with_rowid=False,
)
"""What runs have taken from budgets they share, in nano-dollars.

A guard refuses that a row is removed. It cannot refuse that `used` is set back: a release of what was reserved
lowers it too, and to SQLite every UPDATE and every INSERT that replaces looks alike, whoever sends it. Nor can
`licet audit verify` tell, for records do not hold what was taken from shared budgets.
"""
