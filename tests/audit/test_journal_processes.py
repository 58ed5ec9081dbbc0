"""Several writers, in one process and in many; and one that is killed in the middle."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_story import FINISHED, RESUMED, STARTED, SUSPENDED, draft, fact, unit, url_of

from licet.audit import database
from licet.audit.errors import AppendRefused, JournalDamaged, JournalError, JournalMissing, ServiceDown
from licet.audit.journal import Journal
from licet.audit.records import Appended, Charge, Unit
from licet.audit.verify import verify

CHILD = Path(__file__).with_name("journal_child.py")


def child(*words: object) -> subprocess.Popen[str]:
    """Start a process that does what `journal_child` says."""
    command = [sys.executable, str(CHILD), *map(str, words)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def race(*children: subprocess.Popen[str]) -> list[int]:
    """Let them go at once, and take the number each says in the end."""
    for process in children:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = []
    for process in children:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in children:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        answers.append(int(out))
    return answers


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "licet.db"
    Journal.open(url_of(path), create=True).close()
    yield path
    if path.exists():
        assert verify(url_of(path)).problems == []


STREAMS = st.sampled_from(["run-1", "run-2", "run-3"])
STORIES = st.lists(
    st.sampled_from([STARTED, SUSPENDED, RESUMED, FINISHED, fact(), draft(fact(), args=b"{}")]),
    min_size=1,
    max_size=4,
)


@st.composite
def units(draw: st.DrawFn) -> Unit:
    """Any unit: sound, fenced out, over budget, or all of that."""
    events = draw(STORIES)
    takes_claim = RESUMED in events
    if takes_claim:
        events = [RESUMED, *(event for event in events if event is not RESUMED)]
    return unit(
        draw(STREAMS),
        *events,
        expect=draw(st.none() | st.integers(0, 4)),
        claim=draw(st.none() | st.integers(0, 3)),
        takes_claim=takes_claim,
        charges=tuple(
            draw(st.lists(st.builds(Charge, st.just("day"), st.integers(-5, 9), st.just(20)), max_size=2))
        ),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), units()), max_size=25), st.randoms(use_true_random=False))
def test_no_interleaving_of_two_writers_breaks_a_chain(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[int, Unit]], chance: random.Random
) -> None:
    path = tmp_path_factory.mktemp("story") / "licet.db"

    async def tell(journals: list[Journal]) -> list[tuple[Unit, object]]:
        told: list[tuple[Unit, asyncio.Future[Appended]]] = []
        for which, each in story:
            future = journals[which].submit(each)
            told.append((each, future))
            if chance.random() < 0.5:
                await asyncio.wait([future])
        outcomes = await asyncio.gather(*(future for _, future in told), return_exceptions=True)
        return list(zip((each for each, _ in told), outcomes, strict=True))

    with Journal.open(url_of(path), create=True) as one, Journal.open(url_of(path)) as other:
        outcomes = asyncio.run(tell([one, other]))
        stood = [(each, outcome) for each, outcome in outcomes if isinstance(outcome, Appended)]
        for _, outcome in outcomes:
            assert isinstance(outcome, Appended | AppendRefused)
        for each, appended in stood:
            records = one.read(each.stream)[appended.first - 1 : appended.last]
            assert [record.event for record in records] == [one.event for one in each.drafts]
            assert each.expect in (None, appended.first - 1)
        for head in other.heads():
            of_stream = [each for each, _ in stood if each.stream == head.stream]
            assert head.seq == sum(len(each.drafts) for each in of_stream)
    assert verify(url_of(path)).problems == []
    used = sqlite3.connect(path).execute("SELECT max(used) FROM budgets").fetchone()[0]
    assert (used or 0) <= 20


def test_two_processes_never_overspend_a_budget(path: Path) -> None:
    granted = race(child("charge", url_of(path), "a", 7, 1000), child("charge", url_of(path), "b", 7, 1000))
    assert sum(granted) == 1000 // 7
    assert sqlite3.connect(path).execute("SELECT used FROM budgets").fetchall() == [(1000 // 7 * 7,)]
    assert verify(url_of(path)).records == 1000 // 7


def test_two_processes_take_turns_on_one_stream(path: Path) -> None:
    assert race(child("contend", url_of(path), "a", 60), child("contend", url_of(path), "b", 60)) == [60, 60]
    with Journal.open(url_of(path)) as journal:
        assert [record.seq for record in journal.read("contended")] == list(range(1, 121))


@pytest.mark.parametrize("streams", [1, 10])
@pytest.mark.parametrize("acknowledged", [1, 40, 333])
def test_kill_leaves_no_half_unit_and_loses_none_that_was_acknowledged(
    path: Path, acknowledged: int, streams: int
) -> None:
    process = child("append", url_of(path), "run", streams)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(acknowledged)]
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read()
    process.communicate()
    lines += rest[: rest.rfind("\n") + 1].splitlines()
    with Journal.open(url_of(path)) as journal:
        for line in lines:
            stream, first, last = line.split()
            kinds = [len(record.payloads) for record in journal.read(stream)[int(first) - 1 : int(last)]]
            assert kinds == [1, 0, 1]
        for head in journal.heads():
            assert head.seq % 3 == 0
            assert len(journal.payloads(head.stream)) == head.seq // 3 * 2
            assert journal.append_now(unit(head.stream, expect=head.seq)).first == head.seq + 1


def test_a_disk_that_is_full_refuses_and_one_with_room_takes_again(path: Path) -> None:
    process = child("fill", url_of(path), "run-1")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    down, up = out.splitlines()
    reached = int(down.split()[1])
    assert down.startswith("down")
    assert up == f"up {reached + 1}"


class TestLocked:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)

    async def test_a_locked_database_refuses_and_a_free_one_takes_again(self, path: Path) -> None:
        stranger = sqlite3.connect(path, isolation_level=None)
        with Journal.open(url_of(path)) as journal:
            await journal.append(unit("run-1"))
            stranger.execute("BEGIN IMMEDIATE")
            outcomes = await asyncio.gather(
                *(journal.submit(unit("run-1")) for _ in range(5)), return_exceptions=True
            )
            assert all(isinstance(outcome, ServiceDown) for outcome in outcomes)
            assert "locked" in str(outcomes[0])
            assert len(journal.read("run-1")) == 1
            stranger.execute("ROLLBACK")
            assert (await journal.append(unit("run-1"))).first == 2
        stranger.close()


class TestLife:
    def test_what_was_queued_before_close_is_written(self, path: Path) -> None:
        async def story() -> None:
            journal = Journal.open(url_of(path))
            futures = [journal.submit(unit("run-1")) for _ in range(300)]
            journal.close()
            assert [one.first for one in await asyncio.gather(*futures)] == list(range(1, 301))

        asyncio.run(story())

    def test_a_closed_journal_says_so(self, path: Path) -> None:
        journal = Journal.open(url_of(path))
        journal.append_now(unit("run-1"))
        journal.close()
        journal.close()
        with pytest.raises(JournalError, match="closed"):
            journal.append_now(unit("run-1"))
        with pytest.raises(JournalError, match="closed"):
            journal.read("run-1")

    def test_a_journal_that_was_dropped_leaves_no_thread(self, path: Path) -> None:
        before = set(threading.enumerate())
        journal = Journal.open(url_of(path))
        journal.append_now(unit("run-1"))
        (thread,) = set(threading.enumerate()) - before
        writer = weakref.ref(journal._writer)
        del journal
        gc.collect()
        thread.join(timeout=60)
        assert not thread.is_alive()
        gc.collect()
        assert writer() is None

    def test_a_forked_process_is_told_to_open_its_own(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            journal.append_now(unit("run-1"))
            pid = os.fork()
            if pid == 0:
                told = 0
                for use in (lambda: journal.append_now(unit("run-1")), lambda: journal.read("run-1")):
                    try:
                        use()
                    except JournalError as error:
                        told += "forked" in str(error)
                os._exit(told)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
            assert journal.append_now(unit("run-1")).first == 2

    def test_a_file_removed_from_under_it_swallows_nothing(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            journal.append_now(unit("run-1"))
            path.rename(path.with_name("moved.db"))
            with pytest.raises(JournalMissing):
                journal.append_now(unit("run-1"))
            Journal.open(url_of(path), create=True).close()
            with pytest.raises(JournalDamaged, match="another file"):
                journal.append_now(unit("run-1"))

    async def test_a_caller_that_goes_away_undoes_nothing(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            waiting = asyncio.ensure_future(journal.append(unit("run-1")))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert (await journal.append(unit("run-1"))).first == 2

    def test_an_event_loop_that_ended_troubles_nobody(self, path: Path) -> None:
        async def leave(journal: Journal) -> None:
            journal.submit(unit("run-1", linger=3600))

        with Journal.open(url_of(path)) as journal:
            asyncio.run(leave(journal))
            assert journal.append_now(unit("run-1")).first == 2

    def test_many_loops_and_threads_share_one(self, path: Path) -> None:
        async def story(journal: Journal, name: str) -> None:
            await asyncio.gather(*(journal.append(unit(name)) for _ in range(50)))
            assert len(journal.read(name)) == 50

        with Journal.open(url_of(path)) as journal:
            threads = [
                threading.Thread(target=lambda name=f"run-{number}": asyncio.run(story(journal, name)))
                for number in range(6)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert [head.seq for head in journal.heads()] == [50] * 6


class TestLingering:
    async def test_it_goes_with_the_next_unit_and_keeps_its_place(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            first = journal.submit(unit("run-1", linger=3600))
            second = journal.submit(unit("run-1"))
            assert (await first).first == 1
            assert (await second).first == 2

    async def test_it_goes_by_itself_when_its_time_is_up(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            both = [journal.submit(unit("run-1", linger=linger)) for linger in (3600, 0.01)]
            assert [one.first for one in await asyncio.gather(*both)] == [1, 2]

    async def test_it_goes_when_the_journal_is_closed(self, path: Path) -> None:
        with Journal.open(url_of(path)) as journal:
            lingering = journal.submit(unit("run-1", linger=3600))
        assert (await lingering).first == 1
