"""Who commits: the writer's thread, or the event loop of a run that is alone where commits are quick."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from licet.audit import committing, writer
from licet.audit.errors import JournalError
from licet.audit.events import Actor, CallProposed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Unit

THREAD = "licet-journal"


def unit(number: int, stream: str = "run-1") -> Unit:
    event = CallProposed(call_id=f"c{number}", tool="read_order")
    return Unit(stream, "acme", (Draft(event, Actor(kind="runtime", id="licet")),))


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
        for number in range(writer.ON_LOOP_MOST + 3):
            await journal.append(unit(number))
        assert [at for at, name in enumerate(committers) if name == THREAD] == [0, writer.ON_LOOP_MOST + 1]

    async def test_another_process_that_holds_the_database_does_not_hold_the_loop(
        self, journal: Journal, tmp_path: Path
    ) -> None:
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

    def test_an_interrupt_in_the_middle_leaves_a_journal_that_works(
        self, journal: Journal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        async def interrupted() -> None:
            await journal.append(unit(1))
            monkeypatch.setattr(committing, "_execute", interrupt)
            futures.append(journal.submit(unit(2)))
            await futures[0]

        futures: list[asyncio.Future[object]] = []
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(interrupted())
        monkeypatch.undo()
        assert isinstance(futures[0].exception(), JournalError)
        assert journal.append_now(unit(3)).first == 2
        assert order(journal) == ["c1", "c3"]


async def test_where_commits_are_slow_the_thread_makes_them(
    journal: Journal, committers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "QUICK", 0.0)
    for number in range(4):
        await journal.append(unit(number))
    assert set(committers) == {THREAD}
