"""Ways by which a value could pass unseen: as a name in a mapping, before its writer has ended, or in two pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from governed import ALICE
from pydantic import BaseModel

from licet import (
    Amount,
    Content,
    Executed,
    Injected,
    Pending,
    Runtime,
    Session,
    Target,
    Trust,
    Workflow,
    allow,
    tool,
)
from licet.runtime.provenance.leaves import leaves
from licet.tools import tool_of

EVIL = "evil@attacker.example"
IBAN = "DE89370400440532013000"


class Store:
    """What the principal's own notes hold, and whether writing them goes on."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.written, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()


TheStore = Annotated[Store, Injected]


@tool(effect="read")
def inbox() -> Annotated[str, Trust("external")]:
    """Read the inbox."""
    return "hello from a stranger"


@tool(effect="write")
async def note(text: Annotated[str, Content("note")], store: TheStore) -> None:
    """Keep a note."""
    store.notes.append(text)
    store.written.set()
    await store.go_on.wait()


@tool(effect="write")
def append(text: Annotated[str, Content("note")], store: TheStore) -> None:
    """Add to the last note."""
    store.notes[-1:] = ["".join([*store.notes[-1:], text])]


@tool(effect="write")
def keep(fields: Annotated[dict[str, str], Content("note")], store: TheStore) -> None:
    """Keep a card."""
    store.notes += [*fields, *fields.values()]


@tool(effect="read")
def notes(store: TheStore) -> Annotated[list[str], Trust("own")]:
    """Read the notes."""
    return store.notes


@tool(effect="irreversible")
def send(to: Annotated[str, Target("email")]) -> None:
    """Send."""


@tool(effect="irreversible")
def share_all(shares: Annotated[dict[str, str], Target("email")]) -> None:
    """Share with several."""


@tool(effect="irreversible")
def payout(amounts: Annotated[dict[str, Decimal], Amount("EUR")]) -> None:
    """Pay several."""


TOOLS = [inbox, note, append, keep, notes, send, share_all, payout]


@asynccontextmanager
async def desk(folder: Path, said: str) -> AsyncIterator[tuple[Session, Store]]:
    store = Store()
    workflow = Workflow(
        name="desk",
        version="1",
        owner="desk@acme.example",
        purpose="Hidden ways",
        risk="medium",
        previews="none",
        tools=[allow(item, unattended="vouched") for item in TOOLS],
    )
    url = f"sqlite:///{folder}/licet.db"
    async with Runtime(url, workflows=[workflow], inject={Store: lambda: store}) as runtime:
        async with runtime.session("desk", ALICE, input=said) as run:
            assert isinstance(await run.call("inbox", {}), Executed)
            yield run, store


async def lets(run: Session, name: str, **arguments: Any) -> bool:
    outcome = await run.call(name, arguments)
    assert isinstance(outcome, Executed | Pending)
    return isinstance(outcome, Executed)


async def test_a_name_in_a_mapping_needs_somebody_who_vouches_for_it(tmp_path: Path) -> None:
    async with desk(tmp_path, f"Give bob@acme.example the right r, and pay 100.00 to {IBAN}.") as (run, _):
        assert await lets(run, "share_all", shares={"bob@acme.example": "r"})
        assert not await lets(run, "share_all", shares={EVIL: "r"})
        assert not await lets(run, "share_all", shares={"bob@acme.example": "r", EVIL: "r"})
        assert await lets(run, "payout", amounts={IBAN: "100.00"})
        assert not await lets(run, "payout", amounts={"GB33BUKB20201555555555": "100.00"})


@pytest.mark.parametrize("fields", [{EVIL: "friend"}, {"friend": EVIL}])
async def test_what_was_written_as_a_name_vouches_for_nothing(tmp_path: Path, fields: dict[str, str]) -> None:
    async with desk(tmp_path, "Look after my cards.") as (run, _):
        await run.call("keep", {"fields": fields})
        await run.call("notes", {})
        assert not await lets(run, "send", to=EVIL)


async def test_what_is_read_while_its_writer_is_at_work_vouches_for_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, "Look after my notes.") as (run, store):
        store.go_on.clear()
        writing = asyncio.create_task(run.call("note", {"text": EVIL}))
        await store.written.wait()
        read = await run.call("notes", {})
        assert isinstance(read, Executed) and read.result == [EVIL]
        assert not await lets(run, "send", to=EVIL)
        store.go_on.set()
        await writing
        assert not await lets(run, "send", to=EVIL)


@pytest.mark.parametrize("cut", [1, 5, 8, 12, 20])
async def test_what_was_written_in_two_calls_vouches_for_nothing(tmp_path: Path, cut: int) -> None:
    async with desk(tmp_path, "Look after my notes.") as (run, _):
        for piece in (EVIL[:cut], EVIL[cut:]):
            await run.call("append", {"text": piece})
        read = await run.call("notes", {})
        assert isinstance(read, Executed) and read.result == [EVIL]
        assert not await lets(run, "send", to=EVIL)


class Line(BaseModel):
    item: str
    more: list[Line] = []
    tags: dict[str, str] = {}


@tool(effect="write")
def order(line: Line, other: Line | None = None, free: list[dict[str, Any]] | None = None) -> None:
    """Order."""


def test_a_field_that_is_declared_is_no_name_that_anybody_chose() -> None:
    made = tool_of(order)
    inner = {"item": "b", "tags": {"x/y": "z"}}
    plain = made.parse(
        {"line": {"item": "a", "more": [inner]}, "other": {"item": "c"}, "free": [{"k": {"l": 1}}]}
    ).plain
    assert [
        (leaf.pointer, leaf.value) for leaf in leaves(made, plain) if leaf.value not in ("a", "b", "c")
    ] == [
        ("/line/more/0/tags/x~1y/~name", "x/y"),
        ("/line/more/0/tags/x~1y", "z"),
        ("/free/0/k/~name", "k"),
        ("/free/0/k/l/~name", "l"),
        ("/free/0/k/l", 1),
    ]
