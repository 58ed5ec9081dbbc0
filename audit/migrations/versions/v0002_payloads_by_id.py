"""Payloads are found by the id of their record, and not by its stream and number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from licet.audit.errors import JournalDamaged

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Both tables anew, with every row of the old ones; whoever made the journal runs out of nothing but room."""
    connection = op.get_bind()
    # They speak of columns that there will not be, and are made again when the migration is done.
    guards = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('events', 'payloads')"
    )
    for (name,) in guards.fetchall():
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
    op.rename_table("events", "events_0001")
    op.rename_table("payloads", "payloads_0001")
    op.create_table(
        "events",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("stream", "seq"),
        sa.CheckConstraint("seq >= 1", name="events_seq"),
        sa.CheckConstraint("length(hash) = 64", name="events_hash"),
    )
    op.create_table(
        "payloads",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    connection.exec_driver_sql(
        "INSERT INTO events SELECT rowid, stream, seq, record, hash FROM events_0001 ORDER BY rowid"
    )
    moved = connection.exec_driver_sql(
        "INSERT INTO payloads SELECT events.id * 16 + (SELECT count(*) FROM payloads_0001 AS before"
        " WHERE before.stream = old.stream AND before.seq = old.seq AND before.name < old.name),"
        " old.name, old.salt, old.content FROM payloads_0001 AS old JOIN events USING (stream, seq)"
        " ORDER BY events.id, old.name"
    )
    (there,) = connection.exec_driver_sql("SELECT count(*) FROM payloads_0001").one()
    if moved.rowcount != there:
        raise JournalDamaged(
            f"{there - moved.rowcount} payloads of the journal belong to no record, so it is left as it is. Run"
            " `licet audit verify` of the version that wrote it."
        )
    op.drop_table("payloads_0001")
    op.drop_table("events_0001")
