"""The one writer of a process: everything that waits goes into one transaction (group commit)."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from licet.audit.admission import Prepared
from licet.audit.committing import Committer
from licet.audit.database import Database
from licet.audit.errors import JournalError, LicetError
from licet.audit.records import Appended
from licet.audit.switches import Switches

Then = Callable[[Appended], None]

HANDED_OVER = 48
"""When so many units wait they do not wait for the end of the loop's turn: the thread writes them while it goes on."""

LARGEST_BATCH = 512
"""No more units go into a transaction."""

QUICK = 0.0005
"""Seconds. Where commits take no longer, a unit that is alone is committed on the loop that waits for it: to wake the
thread, and be woken by it, would take about as long, and a loop that has nothing else to do would do nothing.
"""

FORGETS = 7 / 8
"""Of the slowest commit so much is remembered after one more: one of 50 ms keeps the next 34 off the loop."""

ON_LOOP_MOST = 200
"""After so many commits on a loop one is left to the thread, which copies the log into the file when it is due."""

NEVER = float("inf")
AT_ONCE = 0.0

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
    """Writes units in the order they came. It has a thread, which starts with the first of them, and writes on an
    event loop where that is quicker (`QUICK`).
    """

    def __init__(self, database: Database, switches: dict[str, Switches]) -> None:
        self._committer = Committer(database, switches)
        self._process = os.getpid()
        self._committing = threading.Lock()
        """Held by whoever commits."""
        self._slowest = 0.0
        """Seconds that the disk took for the slowest commit; of the older ones ever less counts."""
        self._on_loop = 0
        """Commits on loops since the thread's last."""

        self._committer_thread = 0
        """Its id, while it commits."""
        # The collector may close a forgotten journal in the middle of anything.
        self._lock = threading.RLock()
        """For all that follows."""
        self._closed = False
        self._thread: threading.Thread | None = None
        self._waiting: list[Pending] = []
        self._turns: set[asyncio.AbstractEventLoop] = set()
        """The loops that at the end of their turn see to what waits."""
        self._stream = ""
        """Of the unit that was taken last."""
        self._look = NEVER
        """When the thread next looks at what waits, on the monotonic clock."""
        self._calls: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        """Tell the thread to look at a time; None: for the last time, now."""

    @property
    def switches(self) -> dict[str, Switches]:
        """See `Committer`."""
        return self._committer.switches

    def put(self, pending: Pending) -> None:
        """Queue a unit.

        Those of an event loop are written together at the end of its turn: sooner, the thread would have to wait for
        the interpreter's lock, and make the loop wait for it in turn. A unit that lingers, for which nobody waits,
        does not rely on that end: what its caller does next may hold the loop up for long.

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
            self._waiting.append(pending)
            if pending.due or pending.loop is None or len(self._waiting) >= HANDED_OVER:
                self._call(pending.due)
            elif pending.loop not in self._turns:
                self._turns.add(pending.loop)
                pending.loop.call_soon(self._end_of_turn, pending.loop)

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
                self._calls.put(None)
        if thread is not None and self._committer_thread != threading.get_ident():
            thread.join()

    def _call(self, when: float) -> None:
        """Have the thread look at `when`, at the latest."""
        if when < self._look:
            self._look = when
            self._calls.put(when)

    def _end_of_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if os.getpid() != self._process:
            return  # a forked child that goes on with its parent's loop
        with self._lock:
            self._turns.discard(loop)
            if not self._waiting or self._look == AT_ONCE:
                return
            if not self._suits(loop) or not self._committing.acquire(blocking=False):
                self._call(AT_ONCE)
                return
            batch = self._take()
        self._committer_thread = threading.get_ident()
        outcomes: list[Appended | LicetError] | None = [_interrupted() for _ in batch]
        try:
            outcomes = self._committer.commit_at_once([pending.prepared for pending in batch])
        finally:
            if outcomes is None:
                with self._lock:
                    self._waiting[:0] = batch
                    self._call(AT_ONCE)
            self._on_loop += 1
            self._slowest = max(self._committer.took, self._slowest * FORGETS)
            self._committer_thread = 0
            self._committing.release()
            if outcomes is not None:
                _resolve(batch, outcomes, here=loop)

    def _suits(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether to commit what waits on this loop: commits are quick, and its run is the only one that goes on."""
        return (
            self._slowest <= QUICK
            and self._on_loop < ON_LOOP_MOST
            and all(
                pending.loop is loop and pending.prepared.unit.stream == self._stream
                for pending in self._waiting
            )
        )

    def _run(self) -> None:
        look = NEVER
        while True:
            try:
                told = self._calls.get(timeout=_wait(look))
            except queue.Empty:
                told = AT_ONCE
            if told is None:
                break
            look = min(look, told) if told > time.monotonic() else self._write()
        while self._write(last=True) == AT_ONCE:
            pass
        with self._committing:
            self._committer.disconnect()

    def _write(self, *, last: bool = False) -> float:
        """If anything is due, or this is the last time, write it with all that waits. When to look again."""
        with self._committing:
            self._committer_thread = threading.get_ident()
            with self._lock:
                self._look = min([pending.due for pending in self._waiting], default=NEVER)
                if self._look > time.monotonic() and not (last and self._waiting):
                    self._committer_thread = 0
                    return self._look
                batch = self._take()
                self._look = look = AT_ONCE if self._waiting else NEVER
            outcomes = self._committer.commit([pending.prepared for pending in batch])
            self._on_loop = 0
            self._slowest = max(self._committer.took, self._slowest * FORGETS)
            self._committer_thread = 0
        _resolve(batch, outcomes)
        return look

    def _take(self) -> list[Pending]:
        batch = self._waiting[:LARGEST_BATCH]
        del self._waiting[:LARGEST_BATCH]
        self._stream = batch[-1].prepared.unit.stream
        return batch


def _wait(until: float) -> float | None:
    return None if until == NEVER else max(until - time.monotonic(), 0.0)


def _resolve(
    batch: list[Pending],
    outcomes: list[Appended | LicetError],
    here: asyncio.AbstractEventLoop | None = None,
) -> None:
    """Tell everybody, each event loop in one call. `here` is the loop that this is called on, if any."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[Pending, Appended | LicetError]]] = {}
    for settled in zip(batch, outcomes, strict=True):
        by_loop.setdefault(settled[0].loop, []).append(settled)
    for loop, some in by_loop.items():
        if loop is None or loop is here:
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


def _interrupted() -> JournalError:
    return JournalError("the commit was interrupted; whether the unit stands, the journal tells")


def _closed() -> JournalError:
    return JournalError("the journal is closed; what is appended must come before close()")
