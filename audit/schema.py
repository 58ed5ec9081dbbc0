"""The journal's tables, as they are now. How they came to be is in `licet.audit.migrations`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

REVISION = "0001"
"""The migration that these tables are at."""

VERSION_TABLE = "licet_version"
"""Where Alembic notes the revision; a name of our own, so that it never meets an application's."""

metadata = MetaData()

LARGEST_ID = 2**53 - 1
"""The last id a record can have."""

PAYLOADS_MOST = 16
"""So many payloads at most a record has."""

_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite takes no other name for the type of its own row ids."""

events = Table(
    "events",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("record", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("stream", "seq"),
    CheckConstraint(f"id BETWEEN 1 AND {LARGEST_ID}", name="events_id"),
    CheckConstraint("seq >= 1", name="events_seq"),
    CheckConstraint("length(hash) = 64", name="events_hash"),
)
"""The records, by `stream` and `seq`. `record` is the canonical JSON over which `hash` is taken; nothing is ever
changed or removed. `id` counts them from 1, in the order in which they were committed. It ties a record to its
payloads, and no hash covers it: a payload that was brought to another record does not give the digest which that one
holds.

With SQLite's row ids: without them a row above a quarter of a page, as most records are, takes a page of its
own.
"""

payloads = Table(
    "payloads",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    CheckConstraint(
        f"id BETWEEN {PAYLOADS_MOST} AND {(LARGEST_ID + 1) * PAYLOADS_MOST - 1}", name="payloads_id"
    ),
)
"""What a record holds by salted digest only.

The ids of a record's payloads begin at its own id times `PAYLOADS_MOST`. A key of text would need an index, and each
commit would write a page of that too.
"""


def of_record() -> ColumnElement[bool]:
    """That a row of `payloads` belongs to a row of `events`."""
    first = events.c.id * PAYLOADS_MOST
    return payloads.c.id.between(first, first + (PAYLOADS_MOST - 1))


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
