"""Who commits: the writer's thread, or the event loop of a run that is alone where commits are quick."""

from __future__ import annotations

import asyncio
import gc
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest

from licet.audit import committing, database, writer
from licet.audit.admission import Batch
from licet.audit.events import Actor, CallProposed
from licet.audit.journal import Journal
from licet.audit.records import NO_PAYLOADS, Appended, Draft, Payload, Unit

THREAD = "licet-journal"


def unit(number: int, stream: str = "run-1", payloads: Mapping[str, Payload] = NO_PAYLOADS) -> Unit:
    event = CallProposed(call_id=f"c{number}", tool="read_order")
    return Unit(stream, "acme", (Draft(event, Actor(kind="runtime", id="licet"), payloads),))


def order(journal: Journal) -> list[str]:
    return [record.event.call_id for record in journal.read("run-1")]  # type: ignore[union-attr]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        yield journal


@pytest.fixture
def committers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that commit, one for each commit."""
    names: list[str] = []
    execute = committing._execute

    def noted(connection: sqlite3.Connection, batch: object) -> None:
        names.append(threading.current_thread().name)
        execute(connection, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(committing, "_execute", noted)
    return names


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which every commit counts as quick."""
    monkeypatch.setattr(writer, "QUICK", float("inf"))


@pytest.mark.usefixtures("quick")
class TestOnTheLoop:
    async def test_a_run_that_is_alone_commits_on_its_loop(
        self, journal: Journal, committers: list[str]
    ) -> None:
        for number in range(4):
            await journal.append(unit(number))
        assert committers == [THREAD, "MainThread", "MainThread", "MainThread"]

    async def test_runs_side_by_side_leave_it_to_the_thread(
        self, journal: Journal, committers: list[str]
    ) -> None:
        for number in range(4):
            await journal.append(unit(number))
            await journal.append(unit(number, "run-2"))
        await asyncio.gather(*(journal.append(unit(number, f"run-{number}")) for number in range(4, 8)))
        assert set(committers) == {THREAD}

    async def test_what_lingered_goes_with_the_next_unit(
        self, journal: Journal, committers: list[str]
    ) -> None:
        await journal.append(unit(1))
        lingering = journal.submit(unit(2)._replace(linger=3600))
        await journal.append(unit(3))
        assert lingering.done()
        assert order(journal) == ["c1", "c2", "c3"]
        assert committers == [THREAD, "MainThread"]

    async def test_now_and_then_the_thread_has_its_turn(
        self, journal: Journal, committers: list[str]
    ) -> None:
        for number in range(writer.ON_LOOP_PAGES // writer.PAGES_EACH + 3):
            await journal.append(unit(number))
        assert committers.count(THREAD) == 2

    @pytest.mark.parametrize("size", [0, 60_000, 300_000])
    async def test_the_log_stays_short(self, journal: Journal, tmp_path: Path, size: int) -> None:
        content = Payload(bytes(size))
        for number in range(200):
            await journal.append(unit(number, payloads={"input": content}))
        assert (tmp_path / "licet.db-wal").stat().st_size < 6_000_000

    async def test_what_is_large_is_left_to_the_thread(self, journal: Journal, committers: list[str]) -> None:
        await journal.append(unit(1))
        await journal.append(unit(2, payloads={"input": Payload(bytes(writer.ON_LOOP_BYTES))}))
        await asyncio.gather(*(journal.append(unit(number)) for number in range(writer.ON_LOOP_UNITS + 1)))
        assert committers == [THREAD] * 3

    @pytest.mark.parametrize("fault", [sqlite3.DatabaseError("malformed"), sqlite3.IntegrityError("guard")])
    async def test_a_fault_of_the_database_is_left_to_the_thread(
        self, journal: Journal, committers: list[str], monkeypatch: pytest.MonkeyPatch, fault: Exception
    ) -> None:
        execute, faults = committing._execute, [fault]

        def faulty(connection: sqlite3.Connection, batch: Batch) -> None:
            execute(connection, batch)
            if faults:
                raise faults.pop()

        await journal.append(unit(1))
        monkeypatch.setattr(committing, "_execute", faulty)
        await journal.append(unit(2))
        assert order(journal) == ["c1", "c2"]
        assert committers == [THREAD, "MainThread", THREAD]

    async def test_another_process_that_holds_the_database_does_not_hold_the_loop(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (database, committing):  # a loop that waited would wait for ever
            monkeypatch.setattr(module, "BUSY_SECONDS", 3600.0)
        journal = Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True)
        await journal.append(unit(1))
        other = sqlite3.connect(tmp_path / "licet.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = journal.submit(unit(2))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("ROLLBACK")
        other.close()
        await waiting
        await journal.append(unit(3))
        assert order(journal) == ["c1", "c2", "c3"]
        journal.close()

    async def test_units_keep_their_order_whoever_commits_them(self, journal: Journal) -> None:
        futures = []
        for number in range(500):
            futures.append(journal.submit(unit(number)._replace(linger=0.001 * (number % 3 == 0))))
            if number % 5 == 0:
                await futures[-1]
        await asyncio.gather(*futures)
        assert order(journal) == [f"c{number}" for number in range(500)]

    async def test_a_forked_child_that_goes_on_with_the_loop_writes_nothing(self, journal: Journal) -> None:
        await journal.append(unit(1))
        waiting = journal.submit(unit(2))
        pid = os.fork()
        if pid == 0:
            try:
                for _ in range(10):
                    await asyncio.sleep(0)
            finally:
                os._exit(waiting.done())
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        await waiting
        assert order(journal) == ["c1", "c2"]

    async def test_a_run_is_told_in_the_order_of_its_records(self, journal: Journal) -> None:
        told: list[int] = []

        def note(appended: Appended) -> None:
            told.append(appended.first)

        for number in range(0, 300, 3):
            await journal.append(unit(number))
            lingering = journal.submit(unit(number + 1)._replace(linger=1e-6), note)
            while len(journal.read("run-1")) < number + 2:
                pass  # the thread writes it, and the loop gets no turn
            await asyncio.gather(lingering, journal.submit(unit(number + 2), note))
        assert told == sorted(told)
        assert len(told) == 200

    def test_a_journal_that_the_collector_ends_in_the_middle_writes_what_waits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = f"sqlite:///{tmp_path}/licet.db"
        pages_on = writer.Writer._pages_on

        def collecting(self: writer.Writer, loop: asyncio.AbstractEventLoop) -> int:
            gc.collect()
            return pages_on(self, loop)

        async def forget() -> None:
            forgotten: list[object] = [Journal.open(path, create=True)]
            await forgotten[0].append(unit(1))  # type: ignore[attr-defined]
            future = forgotten[0].submit(unit(2))  # type: ignore[attr-defined]
            forgotten.append(forgotten)  # only the collector finds it
            del forgotten
            monkeypatch.setattr(writer.Writer, "_pages_on", collecting)
            await future

        asyncio.run(forget())
        with Journal.open(path) as journal:
            assert order(journal) == ["c1", "c2"]


PLACES = 80


class Interrupt:
    """Raises KeyboardInterrupt, as the handler of a signal may, at the `at`th place from the end of a loop's turn on at
    which Python runs such a handler: where a function begins, and where a built-in one has returned. Inside asyncio it
    does not: an interrupted `Future.set_result` wakes nobody, whoever calls it.
    """

    def __init__(self, at: int) -> None:
        self.left = at
        self.begun = False

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_name == "_end_of_turn":
            self.begun = True
        ours = frame.f_globals["__name__"].startswith("licet.")
        if self.begun and ours and event in ("call", "c_return"):
            self.left -= 1
            if self.left == 0:
                sys.setprofile(None)
                raise KeyboardInterrupt


@pytest.mark.usefixtures("quick")
def test_wherever_a_commit_on_the_loop_is_interrupted_the_journal_works_on(tmp_path: Path) -> None:
    interrupted, stands = 0, set()
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        for at in range(1, PLACES + 1):
            asyncio.run(quietly(journal, at))
            futures: list[asyncio.Future[Appended]] = []
            try:
                asyncio.run(interrupt(journal, at, futures))
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                sys.setprofile(None)
            assert futures[0].done()
            if not futures[0].cancelled() and futures[0].exception() is None:
                stands.add(f"c{at}")
            with closing(sqlite3.connect(tmp_path / "licet.db", timeout=5, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
            asyncio.run(quietly(journal, at))
        calls = [call for call in order(journal) if call != "c0"]
    assert interrupted > PLACES / 2
    assert stands
    assert stands <= set(calls)
    assert calls == sorted(set(calls), key=lambda call: int(call[1:]))


async def quietly(journal: Journal, at: int) -> None:
    await asyncio.wait_for(journal.append(unit(0)), timeout=30)


async def interrupt(journal: Journal, at: int, futures: list[asyncio.Future[Appended]]) -> None:
    await journal.append(unit(0))
    futures.append(journal.submit(unit(at)))
    sys.setprofile(Interrupt(at))
    await futures[0]


@pytest.mark.parametrize("most", [0.0, float("inf")])
async def test_nobody_is_told_of_what_another_connection_does_not_see_yet(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: float
) -> None:
    monkeypatch.setattr(writer, "QUICK", most)
    seen: list[int] = []

    def look(appended: Appended) -> None:
        with closing(sqlite3.connect(tmp_path / "licet.db")) as other:
            seen.extend(other.execute("SELECT max(seq) FROM events WHERE stream = 'run-1'").fetchone())

    for number in range(1, 6):
        await journal.submit(unit(number), look)
        assert seen[-1] == number


async def test_a_slow_commit_keeps_the_next_ones_off_the_loop(
    journal: Journal, committers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(committing, "time", disk)
    for number in range(3):
        await journal.append(unit(number))
    disk.seconds = 0.050
    await journal.append(unit(3))
    disk.seconds = 0.0001
    for number in range(4, 42):
        await journal.append(unit(number))
    assert committers == [THREAD, *["MainThread"] * 3, *[THREAD] * 35, *["MainThread"] * 3]


class Disk:
    """Stands for the clock by which commits are timed; each takes `seconds`."""

    seconds = 0.0001
    now = 0.0
    committing = False

    def monotonic(self) -> float:
        self.now += self.seconds * self.committing
        self.committing = not self.committing
        return self.now


async def test_where_commits_are_slow_the_thread_makes_them(
    journal: Journal, committers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK", 0.0)
    for number in range(4):
        await journal.append(unit(number))
    assert set(committers) == {THREAD}
