"""Committing units: one transaction for all that are given, whichever thread gives them."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import Any

from licet.audit import statements
from licet.audit.admission import Batch, Prepared
from licet.audit.codec import Row
from licet.audit.database import BUSY_SECONDS, Database
from licet.audit.errors import AppendRefused, JournalDamaged, JournalError, LicetError
from licet.audit.known_heads import KnownHeads
from licet.audit.records import INSTALLATION, Appended, tenant_stream
from licet.audit.statements import Statement
from licet.audit.switches import ALL_ON, Switches, refreshed

CHECKPOINT_PAGES = 1000
"""SQLite's own: a commit that finds so many pages in the log copies them into the file."""

log = logging.getLogger("licet.audit")


class Committer:
    """One plain connection, for one thread at a time. It outlives every fault of the database.

    Attributes:
        switches: the folds of the kill switches as of the last commit, by stream. Entries are only ever
            replaced.
        took: seconds that the disk took for the last commit.
    """

    def __init__(self, database: Database, switches: dict[str, Switches]) -> None:
        self.switches = switches
        self.took = 0.0
        self._database = database
        self._identity = database.identity()
        self._connection: sqlite3.Connection | None = None
        self._heads: KnownHeads | None = None
        self._patient: bool | None = True
        """Whether the connection waits for locks and copies the log; None: in between."""

    def commit(self, units: list[Prepared]) -> list[Appended | LicetError]:
        """Write `units` in one transaction. What comes back is, for each, what became of it."""
        try:
            return self._write(units, self._begin(patient=True))
        except Exception as error:
            return self._after(error, units)

    def commit_at_once(self, units: list[Prepared]) -> list[Appended | LicetError] | None:
        """`commit`, where nobody may be kept waiting: no lock is waited for, no connection made, and the log is not
        copied into the file. None: nothing was done, and `commit` is to do it.
        """
        if self._connection is None:
            return None
        begun = False
        try:
            connection = self._begin(patient=False)
            begun = True
            return self._write(units, connection)
        except Exception as error:
            if begun and (
                isinstance(error, sqlite3.OperationalError) or not isinstance(error, sqlite3.Error)
            ):
                return self._after(error, units)
            self._roll_back()
            return None  # what is wrong, and with which of them, `commit` finds out
        except BaseException:
            # A signal's handler raised. Whether the units stand, only the journal knows.
            self._roll_back()
            raise

    def disconnect(self) -> None:
        """Let go of the database; the next commit connects again."""
        connection, self._connection, self._heads = self._connection, None, None
        if connection is not None:
            connection.close()

    def _begin(self, *, patient: bool) -> sqlite3.Connection:
        if self._database.identity() != self._identity:
            raise JournalDamaged(
                f"{self._database} is another file than the one that was opened; start again."
            )
        connection = self._connection
        if connection is None:
            connection = self._connection = self._database.connect_to_write()
            self._heads = KnownHeads(connection)
            self._patient = True
        if patient is not self._patient:
            self._patient = None
            connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000 if patient else 0:.0f}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES if patient else 0}")
            self._patient = patient
        connection.execute("BEGIN IMMEDIATE")
        return connection

    def _write(self, units: list[Prepared], connection: sqlite3.Connection) -> list[Appended | LicetError]:
        heads = self._heads
        assert heads is not None
        batch = self._read(connection, heads, units)
        outcomes: list[Appended | LicetError] = []
        for unit in units:
            try:
                outcomes.append(batch.admit(unit))
            except (AppendRefused, JournalDamaged) as refusal:
                outcomes.append(refusal)
        _execute(connection, batch)
        begun = time.monotonic()
        connection.execute("COMMIT")
        self.took = time.monotonic() - begun
        for opening in batch.opened:
            opening.durable = True
        heads.committed(batch.heads, batch.last_id)
        self.switches.update(batch.switches)
        return outcomes

    def _after(self, error: Exception, units: list[Prepared]) -> list[Appended | LicetError]:
        """What became of units whose transaction ended with `error`."""
        self._roll_back()
        if isinstance(error, sqlite3.OperationalError):
            return [self._database.fault(error) for _ in units]
        if isinstance(error, sqlite3.DatabaseError):
            # A constraint or a guard fired: one of them is at fault, and it shall not undo its neighbours.
            if len(units) > 1:
                return [self.commit([unit])[0] for unit in units]
            return [self._refused_by_database(units[0], error)]
        if isinstance(error, LicetError):
            return [type(error)(*error.args) for _ in units]
        log.error("the journal's writer met a fault of its own", exc_info=error)
        return [JournalError(f"the unit was not written: {type(error).__name__}: {error}") for _ in units]

    def _read(self, connection: sqlite3.Connection, known: KnownHeads, units: list[Prepared]) -> Batch:
        """What the units are decided on, as it stands inside this transaction."""
        deciding, streams, keys = {INSTALLATION}, set(), set()
        for prepared in units:
            unit = prepared.unit
            deciding.add(tenant_stream(unit.tenant))
            streams.add(unit.stream)
            if unit.charges:
                keys.update([charge.budget for charge in unit.charges])
        heads = known.of(deciding | streams)
        used = dict(_fetch(connection, statements.read_budgets(list(keys)))) if keys else {}

        def read_events(stream: str, after: int) -> Iterable[Row]:
            return connection.execute(*statements.read_events(stream, after))

        switches = {}
        for stream in deciding:
            folded = self.switches.get(stream, ALL_ON)
            switches[stream] = refreshed(folded, stream, heads.get(stream), read_events)
        return Batch(heads, known.last_id, used, switches)

    def _refused_by_database(self, prepared: Prepared, error: sqlite3.DatabaseError) -> LicetError:
        if isinstance(error, sqlite3.IntegrityError):
            stream = prepared.unit.stream
            return JournalDamaged(
                f"the database refused a record of {stream}: its head, or the count of the records, must have been"
                f" changed ({error})."
                " Run `licet audit verify`."
            )
        return self._database.fault(error)

    def _roll_back(self) -> None:
        if self._heads is not None:
            self._heads.forget()
        try:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.disconnect()


def _execute(connection: sqlite3.Connection, batch: Batch) -> None:
    statements.insert_events(connection, batch.events)
    if batch.payloads:
        statements.insert_payloads(connection, batch.payloads)
    if batch.moved:
        statements.move_heads(connection, list(batch.moved.values()))
    if batch.changed:
        statements.put_heads(connection, list(batch.changed.values()))
    if batch.charged:
        statements.put_budgets(connection, [(budget, batch.used[budget]) for budget in batch.charged])


def _fetch(connection: sqlite3.Connection, queries: Iterable[Statement]) -> Iterator[Any]:
    for sql, values in queries:
        yield from connection.execute(sql, values).fetchall()
