"""A process of its own that writes to a journal, for the tests that need two of them or kill one.

`python journal_child.py TASK URL NAME ...` prints one line for everything that was acknowledged.
"""

from __future__ import annotations

import asyncio
import resource
import sys

from journal_story import draft, fact, unit

from licet.audit.errors import BudgetExceeded, HeadMoved, ServiceDown
from licet.audit.journal import Journal
from licet.audit.records import Charge


def say(*words: object) -> None:
    """One line, out at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def append_for_ever(journal: Journal, name: str, streams: str) -> None:
    """Units of three records and two payloads, so many streams at once, until somebody kills us."""

    async def one(stream: str) -> None:
        while True:
            events = (draft(fact(), args=b"x" * 3000), fact(), draft(fact(), result=b"y"))
            appended = await journal.append(unit(stream, *events))
            say(stream, appended.first, appended.last)

    await asyncio.gather(*(one(f"{name}-{number}") for number in range(int(streams))))


async def charge(journal: Journal, name: str, amount: str, limit: str) -> None:
    """Charge one budget three hundred times, thirty at once, then say how often it had room."""

    async def one(number: int) -> int:
        granted = 0
        for _ in range(10):
            try:
                await journal.append(
                    unit(f"{name}-{number}", charges=(Charge("day", int(amount), int(limit)),))
                )
                granted += 1
            except BudgetExceeded:
                pass
        return granted

    say("ready")
    sys.stdin.readline()
    say(sum(await asyncio.gather(*(one(number) for number in range(30)))))


async def contend(journal: Journal, name: str, rounds: str) -> None:
    """Advance one stream that another process advances too, each by what it last read."""
    say("ready")
    sys.stdin.readline()
    won = 0
    while won < int(rounds):
        head = journal.head("contended")
        try:
            await journal.append(unit("contended", fact(name), expect=head.seq if head else 0))
            won += 1
        except HeadMoved:
            continue
    say(won)


async def fill(journal: Journal, name: str) -> None:
    """Write until no file may grow any more, and then, once they may, again."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        for _ in range(1000):
            await journal.append(unit(name, draft(fact(), args=b"x" * 50_000)))
    except ServiceDown as error:
        say("down", journal.head(name).seq, error)  # type: ignore[union-attr]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    say("up", (await journal.append(unit(name))).first)


TASKS = {"append": append_for_ever, "charge": charge, "contend": contend, "fill": fill}

if __name__ == "__main__":
    task, url, *words = sys.argv[1:]
    with Journal.open(url, create=True) as opened:
        asyncio.run(TASKS[task](opened, *words))  # type: ignore[operator]
