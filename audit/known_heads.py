"""The writer's own memory of where the journal stands, so that it need not ask for what it wrote itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from licet.audit import statements
from licet.audit.records import Head

MOST = 4096
"""So many heads are remembered; then all are forgotten, and read again where they are needed."""


class KnownHeads:
    """The heads that one connection has read or written, and the id of the last record.

    They are exact for as long as no other connection changes the database, which SQLite tells by
    `PRAGMA data_version` (https://sqlite.org/pragma.html#pragma_data_version).
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = 0
        self._heads: dict[str, Head | None] = {}
        self._last_id: int | None = None

    @property
    def last_id(self) -> int:
        """The id of the record that was written last; 0 when there is none. Asked after `of`."""
        if self._last_id is None:
            (self._last_id,) = self._connection.execute(statements.read_last_id()).fetchone()
        return self._last_id or 0

    def of(self, streams: Iterable[str]) -> dict[str, Head]:
        """The heads of `streams`, those of them that there are. Called inside the transaction that relies on it."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version or len(self._heads) > MOST:
            self.forget()
            self._version = version
        known = self._heads
        unknown = [stream for stream in streams if stream not in known]
        if unknown:
            known.update(dict.fromkeys(unknown))
            for sql, values in statements.read_heads(unknown):
                for row in self._connection.execute(sql, values):
                    known[row[0]] = Head(*row)
        found = {}
        for stream in streams:
            head = known[stream]
            if head is not None:
                found[stream] = head
        return found

    def committed(self, heads: dict[str, Head], last_id: int) -> None:
        """They stand in the database now."""
        self._heads.update(heads)
        self._last_id = last_id

    def forget(self) -> None:
        """What was written may not stand."""
        self._heads.clear()
        self._last_id = None
