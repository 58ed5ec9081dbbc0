"""How units reach the writer, and what it remembers between them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from licet.audit.errors import HeadMoved, NotOpened
from licet.audit.events import Actor, CallProposed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Opening, Unit
from licet.audit.writer import HANDED_OVER


def unit(number: int, expect: int | None = None) -> Unit:
    event = CallProposed(call_id=f"c{number}", tool="read_order")
    return Unit("run-1", "acme", (Draft(event, Actor(kind="runtime", id="licet")),), expect=expect)


def order(journal: Journal) -> list[str]:
    return [record.event.call_id for record in journal.read("run-1")]  # type: ignore[union-attr]


async def test_what_was_submitted_is_written_before_what_the_same_thread_appends_after_it(
    tmp_path: Path,
) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        first = journal.submit(unit(1))
        journal.append_now(unit(2))  # the loop has had no turn in between
        await first
        assert order(journal) == ["c1", "c2"]


def test_a_loop_that_ended_early_holds_nobody_up(tmp_path: Path) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        ended = asyncio.new_event_loop()

        async def leave() -> None:
            journal.submit(unit(1))
            ended.stop()

        task = ended.create_task(leave())
        ended.run_forever()
        assert task.done()
        asyncio.run(journal.append(unit(2)))
        ended.close()
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        assert sorted(order(journal)) == ["c1", "c2"]


async def test_many_units_of_one_turn_are_written_before_it_ends(tmp_path: Path) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        futures = [journal.submit(unit(number)) for number in range(HANDED_OVER + 1)]
        while len(journal.read("run-1")) < HANDED_OVER:  # the loop gets no turn
            pass
        assert not any(future.done() for future in futures)
        await asyncio.gather(*futures)
        assert order(journal) == [f"c{number}" for number in range(HANDED_OVER + 1)]


BLOCKED = """
import asyncio, os, sys, time
from pathlib import Path
from licet.audit.events import Actor, CallProposed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Opening, Unit

def unit(number, linger):
    event = CallProposed(call_id=f"c{number}", tool="read_order")
    return Unit("run-1", "acme", (Draft(event, Actor(kind="runtime", id="licet")),), linger=linger)

async def main():
    journal = Journal.open(sys.argv[1])
    journal.submit(unit(1, 0.0))
    for number in (2, 3, 4):
        journal.submit(unit(number, 0.01))
    while len(journal.read("run-1")) < 4:  # the loop gets no turn
        pass
    journal.submit(unit(5, 0.01))  # after the writer had taken what there was
    while len(journal.read("run-1")) < 5:
        pass
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_a_start_is_on_record_though_what_follows_blocks_the_loop_and_the_process_is_killed(
    tmp_path: Path,
) -> None:
    """A read whose tool never gives the loop back, as a plain HTTP client in an async function does."""
    url = f"sqlite:///{tmp_path}/licet.db"
    Journal.open(url, create=True).close()
    child = subprocess.run([sys.executable, "-c", BLOCKED, url], timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    with Journal.open(url) as journal:
        assert order(journal) == ["c1", "c2", "c3", "c4", "c5"]


async def test_units_that_linger_and_those_that_do_not_keep_their_order(tmp_path: Path) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        futures = []
        for number in range(2000):
            lingering = unit(number)._replace(linger=0.001 * (number % 3))
            futures.append(journal.submit(lingering))
            if number % 7 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*futures)
        assert order(journal) == [f"c{number}" for number in range(2000)]


async def test_what_another_writer_appends_is_seen_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/licet.db"
    with Journal.open(url, create=True) as one, Journal.open(url) as other:
        await one.append(unit(1, expect=0))
        await other.append(unit(2, expect=1))
        with pytest.raises(HeadMoved):
            await one.append(unit(3, expect=1))
        await one.append(unit(3, expect=2))
        assert order(other) == ["c1", "c2", "c3"]


async def test_what_goes_on_from_a_unit_is_not_written_without_it(tmp_path: Path) -> None:
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", create=True) as journal:
        refused, stands = Opening(), Opening()
        first = journal.submit(unit(1, expect=7)._replace(opens=refused, linger=0.001))
        with pytest.raises(NotOpened):
            await journal.append(unit(2)._replace(needs=refused))
        with pytest.raises(HeadMoved):
            await first
        journal.submit(unit(3)._replace(opens=stands, linger=60))
        await journal.append(unit(4)._replace(needs=stands))  # in the same commit
        await journal.append(unit(5)._replace(needs=stands))  # in a later one
        assert order(journal) == ["c3", "c4", "c5"]
