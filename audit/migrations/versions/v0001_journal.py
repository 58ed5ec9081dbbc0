"""The journal: records, payloads, heads, budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the four tables. There is no way back: nothing in a journal is removed."""
    op.create_table(
        "events",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("stream", "seq"),
        sa.CheckConstraint("id BETWEEN 1 AND 9007199254740991", name="events_id"),
        sa.CheckConstraint("seq >= 1", name="events_seq"),
        sa.CheckConstraint("length(hash) = 64", name="events_hash"),
    )
    op.create_table(
        "payloads",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id BETWEEN 16 AND 144115188075855871", name="payloads_id"),
    )
    op.create_table(
        "heads",
        sa.Column("stream", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("claim", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.CheckConstraint("seq >= 1", name="heads_seq"),
        sa.CheckConstraint("claim BETWEEN 0 AND seq", name="heads_claim"),
        sqlite_with_rowid=False,
    )
    op.create_index("heads_by_status", "heads", ["status", "stream"])
    op.create_index("heads_by_tenant", "heads", ["tenant", "stream"])
    op.create_table(
        "budgets",
        sa.Column("budget", sa.Text, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.CheckConstraint("used >= 0", name="budgets_used"),
        sqlite_with_rowid=False,
    )
