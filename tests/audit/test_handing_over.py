"""How units reach the writer, and what it remembers between them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from licet.audit.errors import HeadMoved
from licet.audit.events import Actor, CallProposed
from licet.audit.journal import Journal
from licet.audit.records import Draft, Unit


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


async def test_what_another_writer_appends_is_seen_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/licet.db"
    with Journal.open(url, create=True) as one, Journal.open(url) as other:
        await one.append(unit(1, expect=0))
        await other.append(unit(2, expect=1))
        with pytest.raises(HeadMoved):
            await one.append(unit(3, expect=1))
        await one.append(unit(3, expect=2))
        assert order(other) == ["c1", "c2", "c3"]
