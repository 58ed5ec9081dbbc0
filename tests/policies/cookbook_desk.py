"""A desk at which each policy of the cookbook meets the calls it is about. What a tool does is a line in `done`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from licet import (
    Amount,
    Content,
    Denied,
    Executed,
    Injected,
    Limits,
    Pending,
    Principal,
    Runtime,
    Session,
    StopRules,
    Target,
    Workflow,
    tool,
)
from licet.policies import PolicyEngine, load
from licet.testing import Approver, FixedClock

COOKBOOK = Path(__file__).parents[2] / "examples" / "policies"

PEOPLE = {
    "mia": {"managers", "on_call"},
    "noa": {"managers", "on_call"},
    "tom": {"treasury"},
    "dan": {"data_protection"},
}


class Done(list[str]):
    """What really happened, in order."""


did = Annotated[Done, Injected]


@tool(effect="write", tags=["refund"])
def issue_refund(order: str, amount: Annotated[Decimal, Amount("EUR")], done: did) -> str:
    """Pay back part of an order."""
    done.append(f"paid {amount}")
    return "paid"


@tool(effect="write", tags=["mail"])
def send_mail(
    to: list[Annotated[str, Target("email")]], body: Annotated[str, Content], done: did,
    cc: Annotated[str | None, Target("email")] = None,
) -> str:  # fmt: skip
    """Send a mail."""
    done.append(f"mailed {to} {cc}")
    return "sent"


@tool(effect="read", tags=["sql"])
def query(sql: str, done: did) -> str:
    """Ask the database."""
    done.append(sql)
    return "rows"


@tool(effect="write", tags=["production"])
def deploy(service: str, done: did) -> str:
    """Bring a service up to date."""
    done.append(f"deployed {service}")
    return "deployed"


@tool(effect="read", tags=["production"])
def look_at(service: str, done: did) -> str:
    """Look how a service does."""
    done.append(f"looked at {service}")
    return "well"


@tool(effect="write", tags=["payment.prepare"])
def prepare_payment(payee: str, done: did) -> str:
    """Write a payment down."""
    done.append(f"prepared {payee}")
    return "P-9"


def payment(number: str) -> dict[str, Any]:
    """Who prepared it, as the bank's books say: P-max was prepared by max."""
    return {"prepared_by": number.removeprefix("P-")} if number.startswith("P-") else {}


@tool(effect="write", tags=["payment.release"], resource=payment)
def release_payment(number: str, done: did) -> str:
    """Send a payment that was written down."""
    done.append(f"released {number}")
    return "released"


@tool(effect="read", price="0.20")
def search(words: str, done: did) -> str:
    """Ask a search engine that costs money."""
    done.append(f"searched {words}")
    return "found"


def record(customer: str) -> dict[str, Any]:
    """Where the record lies, as the store says: C-eu-west lies in eu-west."""
    return {"region": customer.removeprefix("C-")}


@tool(effect="read", tags=["customer_data"], resource=record)
def read_customer(customer: str, done: did) -> str:
    """Read a customer's record."""
    done.append(f"read {customer}")
    return "record"


@tool(effect="write", tags=["external"])
def ask_partner(
    done: did,
    city: Annotated[str | None, Target("city")] = None,
    account: Annotated[str | None, Target("iban")] = None,
    text: Annotated[str | None, Content] = None,
) -> str:
    """Ask a partner's service."""
    done.append(f"asked {city} {account} {text}")
    return "answer"


@tool(effect="write")
def note(text: Annotated[str, Content], done: did) -> str:
    """Leave a note."""
    done.append(f"noted {text}")
    return "noted"


@tool(effect="read", tags=["files"])
def read_file(path: Annotated[str, Target("path")], done: did) -> str:
    """Read a file."""
    done.append(f"read {path}")
    return "content"


@tool(effect="write", tags=["files"])
def write_file(path: Annotated[str, Target("path")], content: Annotated[str, Content], done: did) -> str:
    """Write a file."""
    done.append(f"wrote {path}")
    return "written"


@tool(effect="read", tags=["http"])
def fetch(url: Annotated[str, Target("url")], done: did) -> str:
    """Get a page."""
    done.append(f"got {url}")
    return "page"


@tool(effect="write", tags=["http"])
def post(url: Annotated[str, Target("url")], done: did) -> str:
    """Post to a page."""
    done.append(f"posted {url}")
    return "page"


@tool(effect="write", tags=["shell"])
def run_command(host: str, command: str, done: did) -> str:
    """Run a command on a machine."""
    done.append(f"ran {command} on {host}")
    return "output"


TOOLS: list[Callable[..., Any]] = [
    issue_refund, send_mail, query, deploy, look_at, prepare_payment, release_payment, search, read_customer,
    ask_partner, note, read_file, write_file, fetch, post, run_command,
]  # fmt: skip

compiled = cache(load)


class Desk:
    """A session under one policy, and who is asked."""

    def __init__(self, session: Session, runtime: Runtime, done: Done, people: Approver) -> None:
        self._session, self._runtime, self.done, self._people = session, runtime, done, people

    async def allows(self, tool: str, **arguments: Any) -> None:
        """The call is carried out without a person."""
        before = len(self.done)
        outcome = await self._session.call(tool, arguments)
        assert isinstance(outcome, Executed), outcome
        assert len(self.done) == before + 1

    async def denies(self, rule: str, tool: str, **arguments: Any) -> None:
        """The call is not carried out, for this rule among others."""
        before = len(self.done)
        outcome = await self._session.call(tool, arguments)
        assert isinstance(outcome, Denied), outcome
        assert outcome.stage == "policy"
        assert rule in {reason.rule for reason in outcome.reasons}
        assert len(self.done) == before

    async def asks(self, who: dict[str, int], tool: str, **arguments: Any) -> None:
        """The call waits for these people, and is carried out once they have said yes."""
        before = len(self.done)
        outcome = await self._session.call(tool, arguments)
        assert isinstance(outcome, Pending), outcome
        (asked,) = self._people.pending(self._runtime)
        assert {entry.group: entry.count for entry in asked.request.owed.requires} == who
        assert len(self.done) == before
        self._people.approve_all(self._runtime)
        assert isinstance(await self._session.outcome(outcome.call_id), Executed)
        assert len(self.done) == before + 1


@asynccontextmanager
async def desk(
    policy: str,
    folder: Path,
    *,
    roles: frozenset[str] = frozenset(),
    tenant: str = "acme",
    environment: dict[str, Any] | None = None,
    tenant_data: dict[str, dict[str, Any]] | None = None,
    now: datetime = datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    limits: Limits | None = None,
    engine: PolicyEngine | None = None,
) -> AsyncIterator[Desk]:
    """The desk under a policy of the cookbook, in a session of its own over a fresh journal in `folder`."""
    done, people = Done(), Approver(PEOPLE)
    workflow = Workflow(
        name="desk",
        version="1",
        owner="desk@acme.example",
        purpose="Try a policy",
        tools=TOOLS,
        limits=limits or Limits(),
        stop_rules=StopRules(same_call=None, denials_in_row=None),
    )
    runtime = Runtime(
        f"sqlite:///{folder}/licet.db",
        workflows=[workflow],
        policies=engine or compiled(COOKBOOK / policy),
        inject={Done: done},
        directory=people,
        verifier=people.verifier,
        environment=environment,
        tenant_data=tenant_data,
        clock=FixedClock(now),
    )
    async with runtime, runtime.session("desk", Principal("cleo", tenant, roles)) as session:
        yield Desk(session, runtime, done, people)
