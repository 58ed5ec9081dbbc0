"""Data of a tenant: what policy may know of the run's own tenant, and of no other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from candidates import Candidate
from governed import ALICE, world

from licet import ConfigurationError, Denied, Executed, Pending, Principal, Runtime, Suspended
from licet.audit.events import CallDenied, CallPermitted, Decided, RunSuspended
from licet.policies import Offer
from licet.runtime import tenant_data

BRUNO = Principal(subject="user-bruno", tenant="globex", roles=frozenset({"support"}))

QUOTA = """
deny contains {"rule": "desk.quota", "message": "Not so much.", "visible_to_model": true} if {
	input.tool.name == "refund"
	not within
}

within if input.call.args.amount <= input.context.tenant_data.refunds_up_to
"""


class Listening(Candidate):
    """The shipped policy, which keeps what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs: list[bytes] = []
        self.offers: list[bytes] = []

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        self.inputs.append(input)
        return await super().decide(input, decision_id)

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        self.offers.append(input)
        return await super().offered(input, decision_id)


def told(input: bytes) -> Any:
    return json.loads(input, parse_float=Decimal)["context"]["tenant_data"]


async def note(runtime: Runtime, principal: Principal = ALICE) -> None:
    async with runtime.session("desk", principal) as run:
        assert isinstance(await run.call("note", {"text": "x"}), Executed)


async def test_each_run_is_judged_by_the_data_of_its_own_tenant(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    limits = {"acme": {"refunds_up_to": Decimal("40.10")}, "globex": {"refunds_up_to": 10}}
    async with world(tmp_path, policies=rules(QUOTA), tenant_data=limits) as runtime:
        for principal, amount, fits in (
            (ALICE, "40.10", True),
            (ALICE, "40.11", False),
            (BRUNO, "10", True),
            (BRUNO, "10.01", False),
            (Principal("nobody", "unknown"), "1", False),
        ):
            async with runtime.session("desk", principal) as run:
                outcome = await run.call("refund", {"order_id": "O-1", "amount": amount})
                assert isinstance(outcome, Executed if fits else Denied), (principal, amount)


async def test_policy_sees_no_other_tenants_data_wherever_it_is_asked(tmp_path: Path) -> None:
    engine = Listening()
    data = {"acme": {"secret": "of acme"}, "globex": {"secret": "of globex"}}
    async with world(tmp_path, policies=engine, tenant_data=data) as runtime:
        await asyncio.gather(*(note(runtime, principal) for principal in (ALICE, BRUNO) * 3))
    assert len(engine.inputs) == len(engine.offers) == 6
    for input in engine.inputs + engine.offers:
        own, other = json.loads(input)["principal"]["tenant"], input
        assert told(input) == data[own]
        assert other.count(b"of acme") + other.count(b"of globex") == 1


async def test_without_any_it_is_empty(tmp_path: Path) -> None:
    engine = Listening()
    async with world(tmp_path, policies=engine) as runtime:
        await note(runtime)
    assert told(engine.inputs[0]) == told(engine.offers[0]) == {}


async def test_a_function_is_asked_each_time_so_that_a_change_counts_at_once(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    asked: list[str] = []
    limit = 10

    async def facts(tenant: str) -> Mapping[str, Any]:
        asked.append(tenant)
        return {"refunds_up_to": limit}

    async with world(tmp_path, policies=rules(QUOTA), tenant_data=facts) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "20"}), Denied)
            limit = 20
            assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "20"}), Executed)
    assert set(asked) == {"acme"}


async def test_an_approved_call_is_judged_by_what_holds_when_it_runs(
    tmp_path: Path, rules: Callable[[str], Path]
) -> None:
    from licet.testing import Approver

    limit = 100
    people = Approver()

    async def facts(tenant: str) -> Mapping[str, Any]:
        return {"refunds_up_to": limit}

    async with world(
        tmp_path,
        policies=rules(QUOTA),
        tenant_data=facts,
        directory=people,
        verifier=people.verifier,
    ) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("refund", {"order_id": "O-1", "amount": "90"})
            assert isinstance(outcome, Pending)
            people.approve_all(runtime)
            limit = 80
            assert isinstance(await run.outcome(outcome.call_id), Denied)


async def raises(tenant: str) -> Mapping[str, Any]:
    raise ConnectionError("password-4711")


async def complains(tenant: str) -> Mapping[str, Any]:
    raise ValueError("password-4711")


async def gives_up(tenant: str) -> Mapping[str, Any]:
    raise asyncio.CancelledError


async def too_much(tenant: str) -> Mapping[str, Any]:
    return {"text": "x" * 300_000}


async def nonsense(tenant: str) -> Any:
    return ["no", "mapping"]


async def unwritable(tenant: str) -> Mapping[str, Any]:
    return {"limits": {"eur": float("nan")}}


async def never(tenant: str) -> Mapping[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (raises, "could not be had: ConnectionError"),
        (complains, "could not be had: ValueError"),
        (gives_up, "could not be had: CancelledError"),
        (nonsense, "it is a list, and should be a mapping"),
        (too_much, "it has 300011 bytes, and 250000 is the limit"),
        (unwritable, "limits/eur: is not a finite number"),
        (never, "did not come within 0.05 seconds"),
    ],
)
async def test_without_the_facts_nothing_runs_and_the_run_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: Any, cause: str
) -> None:
    monkeypatch.setattr(tenant_data, "SECONDS", 0.05)
    answers: list[Any] = [tenant_known]

    async def ask(tenant: str) -> Any:
        return await answers[-1](tenant)

    async with world(tmp_path, tenant_data=ask) as runtime:
        async with runtime.session("desk", ALICE) as run:
            answers.append(facts)
            outcome = await run.call("note", {"text": "x"})
            assert isinstance(outcome, Pending) and cause in outcome.detail
            assert "4711" not in outcome.detail
        events = [record.event for record in runtime.journal.read(run.id)]
        assert not any(isinstance(event, CallPermitted | CallDenied) for event in events)
        suspended = next(event for event in events if isinstance(event, RunSuspended))
        assert suspended.cause == "policy_unavailable"
        answers.append(tenant_known)
        async with runtime.session("desk", ALICE, run_id=run.id) as again:
            assert isinstance(await again.outcome(outcome.call_id), Executed)


async def tenant_known(tenant: str) -> Mapping[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"acme": {"limit": float("inf")}}, "tenant acme .*limit: is not a finite number"),
        ({"acme": [1]}, "tenant acme .*it is a list"),
        ({"acme": {"when": object()}}, "tenant acme .*when: is a object"),
        ({"acme": {"name": "\ud800"}}, "tenant acme"),
        ({"acme": {"text": "x" * 300_000}}, "tenant acme .*250000 is the limit"),
        (lambda tenant: {}, "an async function of a tenant"),
    ],
)
def test_what_policy_could_not_read_is_refused_at_once(tmp_path: Path, data: Any, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        world(tmp_path, tenant_data=data)


async def test_who_gives_up_takes_nobody_along(tmp_path: Path) -> None:
    """A usual cache: many await one look-up, and one of them is cancelled."""
    entered, found = asyncio.Event(), asyncio.Event()
    shared: list[asyncio.Task[Mapping[str, Any]]] = []

    async def look_up() -> Mapping[str, Any]:
        entered.set()
        await found.wait()
        return {}

    async def ask(tenant: str) -> Mapping[str, Any]:
        if not shared:
            shared.append(asyncio.create_task(look_up()))
        return await shared[0]

    async with world(tmp_path, tenant_data=ask) as runtime:
        one = asyncio.create_task(runtime.run("desk", "x", ALICE))
        other = asyncio.create_task(runtime.run("desk", "x", BRUNO))
        await entered.wait()
        one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await one
        found.set()
        result = await other
        assert isinstance(result, Suspended) and result.cause == "policy_unavailable"


async def test_what_came_into_force_while_the_facts_did_is_what_offers(tmp_path: Path) -> None:
    old, new = Listening(), Candidate(revision="new")
    entered, found = asyncio.Event(), asyncio.Event()

    async def ask(tenant: str) -> Mapping[str, Any]:
        entered.set()
        await found.wait()
        return {}

    async with world(tmp_path, policies=old, tenant_data=ask) as runtime:
        async with runtime.session("desk", ALICE) as run:
            call = asyncio.create_task(run.call("note", {"text": "x"}))
            await entered.wait()
            await runtime.reload_policies(new)
            found.set()
            assert isinstance(await call, Executed)
    assert old.offers == old.inputs == []
