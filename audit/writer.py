"""The one writer of a process: everything that waits goes into one transaction (group commit)."""

from __future__ import annotations

import asyncio
import atexit
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
from licet.audit.database import PAGE_BYTES, Database
from licet.audit.errors import JournalError, LicetError
from licet.audit.records import Appended
from licet.audit.switches import Switches

Then = Callable[[Appended], None]

HANDED_OVER = 48
"""When so many units wait they do not wait for the end of the loop's turn: the thread writes them while it goes on."""

LARGEST_BATCH = 512
"""No more units go into a transaction."""

QUICK = 0.0005
"""Seconds. Where the disk takes no longer for a commit, a run that is alone commits on its own loop: to wake the
thread, and be woken by it, would take about as long, and a loop that has nothing else to do would do nothing.
"""

FORGETS = 7 / 8
"""Of the slowest commit so much is remembered after one more: one of 50 ms keeps the next 35 off the loop."""

ON_LOOP_UNITS = 4
ON_LOOP_BYTES = 64 * 1024
"""No more is committed on a loop at once."""

ON_LOOP_PAGES = 800
"""After so many pages of the log a commit is left to the thread, which copies the log into the file when it is due."""

PAGES_EACH = 5
"""Pages that a commit writes however little it says: of the tables' inner nodes, of indexes, of the head."""

NEVER = float("inf")
AT_ONCE = 0.0

MISSED = 0.05
"""Seconds after which the thread looks whether a loop has done with its commit, should it not have been told."""

log = logging.getLogger("licet.audit")

Settled = list[tuple["Pending", Appended | LicetError]]
"""Units, and what became of each."""


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
    """Writes units in the order they came, and tells of them in that order.

    It has a thread, which starts with the first of them, and commits on an event loop where that is quicker.
    """

    def __init__(self, database: Database, switches: dict[str, Switches]) -> None:
        self._committer = Committer(database, switches)
        self._process = os.getpid()
        # For all that follows. The collector may end a forgotten journal in the middle of anything.
        self._lock = threading.RLock()
        self._free = threading.Condition(self._lock)
        """Nobody commits."""
        self._owner = 0
        """The thread that commits, by its id; 0: none."""
        self._slowest = 0.0
        """Seconds that the disk took for the slowest commit; of the older ones ever less counts."""
        self._on_loop = 0
        """Pages that commits on loops have written since the thread's last."""
        self._closed = False
        self._thread: threading.Thread | None = None
        self._waiting: list[Pending] = []
        """What is being committed stays at its head until that has ended."""
        self._taken = 0
        """So many are being committed."""
        self._stream = ""
        """Of the last of them."""
        self._turns: set[asyncio.AbstractEventLoop] = set()
        """The loops that at the end of their turn see to what waits."""
        self._settled: dict[asyncio.AbstractEventLoop, list[Settled]] = {}
        """What the loops are to be told, in the order of the commits."""
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
                atexit.register(self.close)
            self._waiting.append(pending)
            if len(self._waiting) - self._taken >= HANDED_OVER:
                self._call(AT_ONCE)
            elif pending.due or pending.loop is None:
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

    def end(self) -> None:
        """Have the thread write what waits, and end, without waiting for it. Does nothing the second time, or in a
        forked process.
        """
        if os.getpid() == self._process:
            with self._lock:
                if not self._closed:
                    self._closed = True
                    self._calls.put(None)

    def close(self) -> None:
        """`end`, and wait for the thread."""
        if os.getpid() == self._process:
            self.end()
            if self._thread is not None and self._owner != threading.get_ident():
                self._thread.join()

    def _call(self, when: float) -> None:
        """Have the thread look at `when`, at the latest."""
        if when < self._look:
            self._look = when
            self._calls.put(when)

    def _end_of_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        if os.getpid() != self._process:
            return  # a forked child that goes on with its parent's loop
        owner = threading.get_ident()
        settled: Settled | None = None
        try:
            with self._lock:
                self._turns.discard(loop)
                if len(self._waiting) == self._taken or self._look == AT_ONCE:
                    return
                pages = self._pages_on(loop)
                if self._owner or not pages:
                    self._call(AT_ONCE)
                    return
                self._settled.setdefault(loop, [])
                self._taken = len(self._waiting)
                self._owner = owner
                batch = self._waiting[:]
            settled = [(pending, _interrupted()) for pending in batch]
            outcomes = self._committer.commit_at_once([pending.prepared for pending in batch])
            settled = None if outcomes is None else list(zip(batch, outcomes, strict=True))
        except BaseException:
            with self._lock:
                self._call(AT_ONCE)
            loop.call_soon(self._deliver, loop)
            raise
        finally:
            # The handler of a signal may raise here too, after any call: so there is none.
            with self._lock:
                if self._owner == owner:
                    if settled is not None:
                        del self._waiting[: self._taken]
                        self._settled[loop] += [settled]
                    self._owner = self._taken = 0
        with self._lock:
            self._free.notify()
            if settled is None:
                self._call(AT_ONCE)
            else:
                self._on_loop += pages
                self._slowest = max(self._committer.took, self._slowest * FORGETS)
        self._deliver(loop)

    def _pages_on(self, loop: asyncio.AbstractEventLoop) -> int:
        """Of the log, roughly, that a commit of all that waits writes; 0 when it is not for this loop.

        So it is where commits are slow, where another run has something to write too, and where it is much.
        """
        if self._slowest > QUICK or self._on_loop > ON_LOOP_PAGES or len(self._waiting) > ON_LOOP_UNITS:
            return 0
        size = 0
        for pending in self._waiting:
            prepared = pending.prepared
            if pending.loop is not loop or prepared.unit.stream != self._stream:
                return 0
            size += prepared.size
        return PAGES_EACH + size // PAGE_BYTES if size <= ON_LOOP_BYTES else 0

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
        self._committer.disconnect()
        atexit.unregister(self.close)

    def _write(self, *, last: bool = False) -> float:
        """If anything is due, or this is the last time, write it with all that waits. When to look again."""
        with self._lock:
            while self._owner:
                self._free.wait(MISSED)
            self._look = look = min([pending.due for pending in self._waiting], default=NEVER)
            if look > time.monotonic() and not (last and self._waiting):
                return look
            batch = self._waiting[:LARGEST_BATCH]
            self._owner, self._taken = threading.get_ident(), len(batch)
            self._look = look = NEVER if len(batch) == len(self._waiting) else AT_ONCE
        outcomes = self._committer.commit([pending.prepared for pending in batch])
        threads: Settled = []
        by_loop: dict[asyncio.AbstractEventLoop, Settled] = {}
        for pending, outcome in zip(batch, outcomes, strict=True):
            told = threads if pending.loop is None else by_loop.setdefault(pending.loop, [])
            told.append((pending, outcome))
        with self._lock:
            del self._waiting[: len(batch)]
            for loop, settled in by_loop.items():
                self._settled.setdefault(loop, []).append(settled)
            self._owner = self._taken = self._on_loop = 0
            self._stream = batch[-1].prepared.unit.stream
            self._slowest = max(self._committer.took, self._slowest * FORGETS)
        _tell(threads)
        for loop, settled in by_loop.items():
            self._have_told(loop, len(settled))
        return look

    def _have_told(self, loop: asyncio.AbstractEventLoop, units: int) -> None:
        try:
            loop.call_soon_threadsafe(self._deliver, loop)
        except RuntimeError:
            with self._lock:
                self._settled.pop(loop, None)
            log.warning("an event loop was closed before %d units of the journal were settled", units)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            batches = self._settled.pop(loop, [])
        for settled in batches:
            _tell(settled)


def _wait(until: float) -> float | None:
    return None if until == NEVER else max(until - time.monotonic(), 0.0)


def _tell(settled: Settled) -> None:
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
