"""Reading many streams as they pass by: the journal of one moment, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter
from typing import Literal

from sqlalchemy import ColumnElement, Connection, select

from licet.audit.codec import check_payload, decode_chain
from licet.audit.records import INSTALLATION, Record
from licet.audit.schema import events, heads, of_record, payloads

RUNS: tuple[ColumnElement[bool], ...] = (
    heads.c.stream != INSTALLATION,
    heads.c.stream.not_like("tenant/%"),
    heads.c.stream.not_like("shadow/%"),
)
"""What tells the streams of runs from the others."""

_SHADOW: tuple[ColumnElement[bool], ...] = (heads.c.stream.like("shadow/%"),)

_AT_ONCE = 200
"""Rows that are fetched together."""


class Scan:
    """The journal at one moment. `Journal.scan` makes one, which lasts as long as its `with` block."""

    def __init__(self, connection: Connection) -> None:
        """For `Journal.scan`, which callers use."""
        self._connection = connection

    def records(self, of: Literal["runs", "shadow"], *, tenant: str | None = None) -> Iterator[Record]:
        """Every record of the streams of runs, or of shadow policies, stream by stream and in order.

        Each is checked against its hash and against the one before it, and the last of each stream against the
        stream's head.

        Args:
            of: which streams.
            tenant: only this tenant's.

        Raises:
            JournalDamaged: a record was changed, moved or removed.
        """
        query = (
            select(heads.c.stream, heads.c.seq.label("end"), heads.c.hash.label("end_hash"), *_OF_EVENTS)
            .outerjoin(events, events.c.stream == heads.c.stream)
            .where(*(RUNS if of == "runs" else _SHADOW))
            .order_by(heads.c.stream, events.c.seq)
        )
        if tenant is not None:
            query = query.where(heads.c.tenant == tenant)
        options = {"stream_results": True, "yield_per": _AT_ONCE}
        rows = self._connection.execute(query, execution_options=options)
        for (stream, end, end_hash), some in groupby(rows, key=attrgetter("stream", "end", "end_hash")):
            # Where a head has no record at all there is one row, which stands for none.
            there = ((stream, row.seq, row.record, row.hash) for row in some if row.seq is not None)
            yield from decode_chain(there, stream, after=0, prev=None, end=end, end_hash=end_hash)

    def payload(self, record: Record, name: str) -> bytes | None:
        """The payload `name` of a record that has one; None if it was erased.

        Raises:
            JournalDamaged: it is not what was written.
        """
        query = (
            select(payloads.c.salt, payloads.c.content)
            .join_from(events, payloads, of_record())
            .where(events.c.stream == record.stream, events.c.seq == record.seq, payloads.c.name == name)
        )
        found = self._connection.execute(query).first()
        if found is None:
            return None
        return check_payload(record.stream, record.seq, name, found.salt, found.content, record.payloads)


_OF_EVENTS = (events.c.seq, events.c.record, events.c.hash)
