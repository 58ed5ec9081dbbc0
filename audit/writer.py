"""The one writer of a process: everything that waits goes into one transaction (group commit)."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from typing import Any

from licet.audit import statements
from licet.audit.admission import Batch, Prepared
from licet.audit.codec import Row
from licet.audit.database import Database
from licet.audit.errors import AppendRefused, JournalDamaged, JournalError, LicetError
from licet.audit.known_heads import KnownHeads
from licet.audit.records import INSTALLATION, Appended, tenant_stream
from licet.audit.statements import Statement
from licet.audit.switches import ALL_ON, Switches, refreshed

Then = Callable[[Appended], None]

HANDED_OVER = 48
"""So many units of an event loop do not wait for the end of its turn: the thread writes them while the loop goes on."""

LARGEST_BATCH = 512
"""When a transaction has so many units, no more are taken into it."""

log = logging.getLogger("licet.audit")


@dataclass(slots=True)
class Pending:
    """A unit that waits for its turn.

    Attributes:
        due: when it must be written at the latest, on the monotonic clock; 0 for at once.
        loop: whose future it is; None for a thread's own.
        then: called on the loop once the unit is durable, before its future is settled.
    """

    prepared: Prepared
    due: float
    loop: asyncio.AbstractEventLoop | None
    future: asyncio.Future[Appended] | Future[Appended]
    then: Then | None = None


class Writer:
    """A thread with one plain connection. It starts with the first unit, and outlives every fault of the
    database.

    Attributes:
        switches: the folds of the kill switches as of the last batch, by stream. Entries are only ever
            replaced.
    """

    def __init__(self, database: Database, switches: dict[str, Switches]) -> None:
        self.switches = switches
        self._database = database
        self._identity = database.identity()
        self._process = os.getpid()
        self._queue: queue.SimpleQueue[list[Pending] | None] = queue.SimpleQueue()
        self._collected: dict[asyncio.AbstractEventLoop, list[Pending]] = {}
        self._next_due = float("inf")
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._heads: KnownHeads | None = None

    def put(self, pending: Pending) -> None:
        """Queue a unit; the units of a thread are written in the order they came.

        Those of an event loop are handed over together, at the end of its turn or when there are `HANDED_OVER` of
        them: the thread, once woken, has to wait for the interpreter's lock, and makes the loop wait for it in turn.
        What its caller does after a unit that lingers, for which it does not wait, may hold the loop up; so the
        first of those goes at once, and when it is due the thread takes what else is there by then.

        Raises:
            JournalError: the journal was closed, or opened by the process this one was forked from.
        """
        self.check()
        with self._lock:
            if self._closed:
                raise _closed()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="licet-journal", daemon=True)
                self._thread.start()
            if pending.loop is None:
                self._hand_over_all()
                self._hand([pending])
            else:
                self._collect(pending, pending.loop)

    def _collect(self, pending: Pending, loop: asyncio.AbstractEventLoop) -> None:
        collected = self._collected.get(loop)
        if collected is None:
            collected = self._collected[loop] = []
            loop.call_soon(self._hand_over, loop)
        collected.append(pending)
        if 0 < pending.due < self._next_due or len(collected) >= HANDED_OVER:
            self._hand(collected.copy())
            collected.clear()

    def _hand(self, some: list[Pending]) -> None:
        self._next_due = min(self._next_due, *(pending.due for pending in some))
        self._queue.put(some)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            collected = self._collected.pop(loop, None)
            if collected and self._thread is not None:
                self._hand(collected)

    def _hand_over_all(self) -> None:
        for collected in self._collected.values():
            if collected:
                self._hand(collected)
        self._collected.clear()

    def check(self) -> None:
        """Whether this journal may be used, here and now.

        Raises:
            JournalError: see `put`.
        """
        if os.getpid() != self._process:
            raise JournalError(
                "this journal was opened before the process was forked; open it again in the new one"
            )
        if self._closed:
            raise _closed()

    def close(self) -> None:
        """Write what waits, then end the thread. Does nothing the second time, or in a forked process."""
        if os.getpid() != self._process:
            return
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
            if thread is not None:
                self._hand_over_all()
                self._queue.put(None)
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._gather()
            outcomes = self._settle([pending.prepared for pending in batch]) if batch else []
            _resolve(batch, outcomes)
        self._disconnect()

    def _gather(self) -> tuple[list[Pending], bool]:
        """Wait for a unit that is due, and take all that wait with it. False: there are no more to come."""
        batch: list[Pending] = []
        due = float("inf")
        while len(batch) < LARGEST_BATCH or self._queue.empty():
            try:
                some = self._queue.get(timeout=_wait(due)) if due else self._queue.get_nowait()
            except queue.Empty:
                if self._take_collected(batch):
                    break
                continue
            if some is None:
                return batch, False
            batch += some
            due = min(due, *(pending.due for pending in some)) if len(batch) < LARGEST_BATCH else 0.0
        return batch, True

    def _take_collected(self, batch: list[Pending]) -> bool:
        """Add what the loops have not handed over yet, unless something was handed over in the meantime, which
        goes before it.
        """
        with self._lock:
            if not self._queue.empty():
                return False
            for collected in self._collected.values():
                batch += collected
                collected.clear()
            self._next_due = float("inf")
            return True

    def _settle(self, units: list[Prepared]) -> list[Appended | LicetError]:
        """Write `units` in one transaction. What comes back is, for each, what became of it."""
        try:
            return self._write(units)
        except sqlite3.OperationalError as error:
            self._roll_back()
            return [self._database.fault(error) for _ in units]
        except sqlite3.DatabaseError as error:
            # A constraint or a guard fired: one of them is at fault, and it shall not undo its neighbours.
            self._roll_back()
            if len(units) > 1:
                return [self._settle([unit])[0] for unit in units]
            return [self._refused_by_database(units[0], error)]
        except LicetError as error:
            self._roll_back()
            return [type(error)(*error.args) for _ in units]
        except Exception as error:
            self._roll_back()
            log.exception("the journal's writer met a fault of its own")
            return [JournalError(f"the unit was not written: {type(error).__name__}: {error}") for _ in units]

    def _write(self, units: list[Prepared]) -> list[Appended | LicetError]:
        if self._database.identity() != self._identity:
            raise JournalDamaged(
                f"{self._database} is another file than the one that was opened; start again."
            )
        connection, heads = self._connection, self._heads
        if connection is None or heads is None:
            connection = self._connection = self._database.connect_to_write()
            heads = self._heads = KnownHeads(connection)
        connection.execute("BEGIN IMMEDIATE")
        batch = self._read(connection, heads, units)
        outcomes: list[Appended | LicetError] = []
        for unit in units:
            try:
                outcomes.append(batch.admit(unit))
            except (AppendRefused, JournalDamaged) as refusal:
                outcomes.append(refusal)
        _execute(connection, batch)
        connection.execute("COMMIT")
        for opening in batch.opened:
            opening.durable = True
        heads.committed(batch.heads, batch.last_id)
        self.switches.update(batch.switches)
        return outcomes

    def _read(self, connection: sqlite3.Connection, known: KnownHeads, units: list[Prepared]) -> Batch:
        """What the units are decided on, as it stands inside this transaction."""
        deciding, streams, keys = {INSTALLATION}, set(), set()
        for prepared in units:
            unit = prepared.unit
            deciding.add(tenant_stream(unit.tenant))
            streams.add(unit.stream)
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
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection, self._heads = self._connection, None, None
        if connection is not None:
            connection.close()


def _execute(connection: sqlite3.Connection, batch: Batch) -> None:
    writes = (
        statements.insert_events(batch.events),
        statements.insert_payloads(batch.payloads),
        statements.move_heads(list(batch.moved.values())),
        statements.put_heads(list(batch.changed.values())),
        statements.put_budgets([(budget, batch.used[budget]) for budget in batch.charged]),
    )
    for sql, values in chain.from_iterable(writes):
        connection.execute(sql, values)


def _fetch(connection: sqlite3.Connection, queries: Iterable[Statement]) -> Iterator[Any]:
    for sql, values in queries:
        yield from connection.execute(sql, values).fetchall()


def _wait(due: float) -> float | None:
    return None if due == float("inf") else max(due - time.monotonic(), 0.0)


def _resolve(batch: list[Pending], outcomes: list[Appended | LicetError]) -> None:
    """Tell everybody, each event loop in one call."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[Pending, Appended | LicetError]]] = {}
    for settled in zip(batch, outcomes, strict=True):
        by_loop.setdefault(settled[0].loop, []).append(settled)
    for loop, some in by_loop.items():
        if loop is None:
            _tell(some)
            continue
        try:
            loop.call_soon_threadsafe(_tell, some)
        except RuntimeError:
            log.warning("an event loop was closed before %d units of the journal were settled", len(some))


def _tell(settled: list[tuple[Pending, Appended | LicetError]]) -> None:
    for pending, outcome in settled:
        result: Appended | Exception = outcome
        if isinstance(outcome, Appended) and pending.then is not None:
            try:
                pending.then(outcome)
            except Exception as error:
                result = error
        if pending.future.done():
            continue
        if isinstance(result, Appended):
            pending.future.set_result(result)
        else:
            pending.future.set_exception(result)


def _closed() -> JournalError:
    return JournalError("the journal is closed; what is appended must come before close()")
