"""What the journal's tests tell stories with: units of work of every shape, and journals to write them to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from licet.audit.events import (
    Actor,
    CallInDoubt,
    Event,
    RunFinished,
    RunResumed,
    RunStarted,
    RunSuspended,
    SwitchedOff,
    SwitchedOn,
)
from licet.audit.records import INSTALLATION, Draft, Payload, Unit

RUNTIME = Actor(kind="runtime", id="worker-1")
OPERATOR = Actor(kind="operator", id="local:ada")

STARTED = RunStarted(
    workflow="refund-desk",
    version="1",
    digest="d" * 64,
    mode="act",
    driver="loop",
    subject="u-1",
    roles=("clerk",),
    agent="refund-desk",
    tools={"issue_refund": "c" * 64},
)
RESUMED = RunResumed(worker="worker-2", recovered=True)
SUSPENDED = RunSuspended(cause="approval", detail="issue_refund waits", active_ms=1500)
FINISHED = RunFinished(status="done", reason="answered", active_ms=2250)


def fact(call: str = "c-1", cause: str = "the process died") -> CallInDoubt:
    """Any event that says nothing of the run's status."""
    return CallInDoubt(call_id=call, tool="issue_refund", permit_id="p-1", cause=cause)


def draft(event: Event, **payloads: bytes) -> Draft:
    """An event of the runtime's, with payloads."""
    return Draft(event, RUNTIME, {name: Payload(content) for name, content in payloads.items()})


def unit(stream: str, *events: Event | Draft, tenant: str = "acme", **fields: Any) -> Unit:
    """A unit of `events`, of one plain fact if there are none."""
    drafts = tuple(event if isinstance(event, Draft) else draft(event) for event in events or (fact(),))
    return Unit(stream, tenant, drafts, **fields)


def switch_off(scope: str, *, stream: str = INSTALLATION, tenant: str = "acme") -> Unit:
    """A kill switch is thrown."""
    return Unit(stream, tenant, (Draft(SwitchedOff(scope=scope, reason="it misbehaves"), OPERATOR),))


def switch_on(scope: str, *, stream: str = INSTALLATION, tenant: str = "acme") -> Unit:
    """And taken back."""
    return Unit(stream, tenant, (Draft(SwitchedOn(scope=scope, reason="mended"), OPERATOR),))


def url_of(path: Path) -> str:
    """The database URL of a file."""
    return f"sqlite:///{path}"


class SteppedClock:
    """A clock that moves one second for every time it is asked."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)

    def now(self) -> datetime:
        """A second later than before."""
        self._now += timedelta(seconds=1)
        return self._now


@contextmanager
def tampering(path: Path, *dropped: str) -> Iterator[sqlite3.Connection]:
    """A stranger's hands in the file, with the triggers `dropped` out of the way and put back afterwards."""
    connection = sqlite3.connect(path)
    marks = ", ".join("?" * len(dropped))
    query = f"SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name IN ({marks})"
    definitions = [text for (text,) in connection.execute(query, dropped)]
    assert len(definitions) == len(dropped)
    for name in dropped:
        connection.execute(f"DROP TRIGGER {name}")
    yield connection
    for definition in definitions:
        connection.execute(definition)
    connection.commit()
    connection.close()
