"""Tools that answer whatever a test puts into them, and the labels that a call's values got."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import BaseModel

from licet import (
    Amount,
    Content,
    Flag,
    Headline,
    Injected,
    Key,
    Label,
    Limits,
    NotExecuted,
    Outcome,
    Principal,
    Refused,
    Runtime,
    Sensitive,
    Session,
    StopRules,
    Target,
    Trust,
    When,
    Workflow,
    allow,
    tool,
)

ALICE = Principal(subject="user-alice", tenant="acme")


class Answers:
    """What each tool answers next; by its name, the words in which it says that it did nothing, or refuses."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.payments: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.people: list[dict[str, str]] = []
        self.members: list[str] = []
        self.made: dict[str, Any] = {"id": "77", "name": "x", "content": "x"}
        self.fails: dict[str, str] = {}
        self.refuses: dict[str, str] = {}

    def check(self, name: str) -> None:
        if name in self.fails:
            raise NotExecuted(self.fails[name])

    def refusal(self, name: str) -> bool | Refused:
        return Refused(self.refuses[name], visible=True) if name in self.refuses else True


class Payment(BaseModel):
    id: Annotated[int, Key("payment")]
    sender: Annotated[str, Label("iban")]
    amount: float
    subject: Annotated[str, Label("words"), Trust("external")]


class Event(BaseModel):
    id: Annotated[str, Key("event")]
    title: Annotated[str, Label("title"), Trust("external")]
    participants: list[str]
    note: Annotated[str, Trust("external")] = ""


class Person(BaseModel):
    email: Annotated[str, Key("email")]
    name: Annotated[str, Label("person")]
    number: Annotated[str, Sensitive] = ""


class File(BaseModel):
    id: Annotated[str, Key("file")]
    name: Annotated[str, Label("filename"), Trust("external")]
    content: Annotated[str, Trust("external")]


TheAnswers = Annotated[Answers, Injected]


@tool(effect="read")
def read_page(url: Annotated[str, Target("url")], answers: TheAnswers) -> Annotated[str, Trust("external")]:
    """Read a page of the web."""
    answers.check("read_page")
    return answers.pages.get(url, "")


@tool(effect="read")
def read_channel(
    channel: Annotated[str, Target("channel")], answers: TheAnswers
) -> Annotated[str, Trust("peer")]:
    """Read what colleagues wrote."""
    answers.check("read_channel")
    return answers.pages.get(channel, "")


@tool(effect="read")
def payments(answers: TheAnswers) -> Annotated[list[Payment], Trust("system")]:
    """List payments."""
    return [Payment(**item) for item in answers.payments]


@tool(effect="read")
def events(answers: TheAnswers) -> Annotated[list[Event], Trust("own")]:
    """List events."""
    answers.check("events")
    return [Event(**item) for item in answers.events]


@tool(effect="read")
def people(answers: TheAnswers) -> Annotated[list[Person], Trust("system")]:
    """List contacts."""
    answers.check("people")
    return [Person(**item) for item in answers.people]


@tool(effect="read")
def members(answers: TheAnswers) -> Annotated[list[Annotated[str, Key("user")]], Trust("system")]:
    """List members."""
    return answers.members


@tool(effect="read")
def plain(answers: TheAnswers) -> list[str]:
    """Answers without saying who wrote it."""
    return answers.members


@tool(effect="write")
def make_file(
    name: Annotated[str, Headline("note")], content: Annotated[str, Content("note")], answers: TheAnswers
) -> Annotated[File, Trust("own")]:
    """Make a file."""
    answers.check("make_file")
    return File(**answers.made)


def may_set_member(answers: TheAnswers) -> bool | Refused:
    return answers.refusal("set_member")


def may_tell(answers: TheAnswers) -> bool | Refused:
    return answers.refusal("tell")


@tool(effect="write", authorize=may_set_member)
def set_member(user: Annotated[str, Target("user")], answers: TheAnswers) -> Annotated[str, Trust("system")]:
    """Let somebody in."""
    answers.check("set_member")
    answers.members.append(user)
    return "done"


@tool(effect="irreversible")
def send(
    to: Annotated[str, Target("email")],
    body: Annotated[str, Content],
    subject: Annotated[str, Headline] = "",
) -> None:
    """Send a mail."""


@tool(effect="irreversible")
def pay(
    to: Annotated[str, Target("iban")],
    amount: Annotated[Decimal, Amount("EUR")],
    subject: Annotated[str, Content("caption")] = "",
    recurring: Annotated[bool, Flag(narrow=(False,))] = False,
) -> None:
    """Pay."""


@tool(effect="irreversible")
def move(event: Annotated[str, Target("event")], to: Annotated[str, When("datetime")]) -> None:
    """Move an event."""


@tool(effect="irreversible")
def share(
    file: Annotated[str, Target("file")],
    email: Annotated[str, Target("email")],
    permission: Annotated[str, Flag(narrow=("r",))] = "r",
) -> None:
    """Share a file."""


@tool(effect="irreversible")
def invite(user: Annotated[str, Target("user")], email: Annotated[str, Target("email")]) -> None:
    """Invite somebody."""


@tool(effect="irreversible", authorize=may_tell)
def tell(user: Annotated[str, Target("user")], body: Annotated[str, Content]) -> None:
    """Write to a member."""


TOOLS = [
    *(read_page, read_channel, payments, events, people, members, plain, make_file, set_member),
    *(send, pay, move, share, invite, tell),
]


def workflow(**changes: Any) -> Workflow:
    fields: dict[str, Any] = {
        "name": "desk",
        "version": "1",
        "owner": "desk@acme.example",
        "purpose": "Test where values come from",
        "tools": [allow(item, unattended="vouched") for item in TOOLS],
        "previews": "none",
        "limits": Limits(calls=100),
        "stop_rules": StopRules(same_call=None),
    }
    return Workflow(**{**fields, **changes})


class Desk:
    """One session, and what its last call was to policy."""

    def __init__(self, runtime: Runtime, session: Session, answers: Answers) -> None:
        self.runtime = runtime
        self.session = session
        self.answers = answers

    async def call(self, name: str, /, **arguments: Any) -> Outcome:
        return await self.session.call(name, arguments)

    @property
    def asked(self) -> dict[str, Any]:
        """The last policy input on record."""
        journal, run_id = self.runtime.journal, self.session.id
        for record in reversed(list(journal.read(run_id))):
            if "policy_input" in record.payloads:
                found: dict[str, Any] = orjson.loads(
                    journal.payload(run_id, record.seq, "policy_input") or b"null"
                )
                return found
        raise AssertionError("nothing was put to policy")

    async def labels(self, name: str, pointer: str, /, **arguments: Any) -> set[str]:
        """The labels that a value of this call gets."""
        await self.call(name, **arguments)
        return set(self.asked["call"]["provenance"][pointer]["labels"])


@asynccontextmanager
async def desk(folder: Path, said: Any, **changes: Any) -> AsyncIterator[Desk]:
    """A session in which the user said this."""
    answers = Answers()
    runtime = Runtime(
        f"sqlite:///{folder}/licet.db", workflows=[workflow(**changes)], inject={Answers: lambda: answers}
    )
    async with runtime, runtime.session("desk", ALICE, input=said) as session:
        yield Desk(runtime, session, answers)
