"""A tool's own authorization and resource resolver: at proposal, and again on live data just before the call runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import orjson
import pytest
from governed import ALICE, Ledger, answer, calls, desk, scripted, world

from licet import (
    Answered,
    Denied,
    Executed,
    Injected,
    Pending,
    Principal,
    Refused,
    Reviewer,
    Runtime,
    Suspended,
    Target,
    ToolContext,
    allow,
    tool,
)
from licet.audit.events import ApprovalRequested, CallDenied, CallExecuted, CallPermitted, RunSuspended
from licet.runtime.recovery import load as load_state

BOB = Reviewer(id="local:bob", local=True)
ASK = [calls(("pay_back", {"order_id": "O-1", "amount": "120"})), answer("done")]


@dataclass
class Shop:
    """Live data, which changes while a call waits."""

    orders: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "O-1": {"owner": "user-alice", "tenant": "acme", "state": "paid", "open": Decimal("149.00")},
            "O-9": {"owner": "user-alice", "tenant": "globex", "state": "paid", "open": Decimal("149.00")},
        }
    )
    asked: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[], object] = lambda: None


def owner_only(order_id: str, context: ToolContext, shop: Annotated[Shop, Injected]) -> bool | Refused:
    shop.asked.append(("authorize", context.principal.subject))
    shop.before()
    order = shop.orders.get(order_id)
    return order is not None and order["owner"] == context.principal.subject


def order_of(order_id: str, shop: Annotated[Shop, Injected]) -> dict[str, Any]:
    shop.asked.append(("resource", order_id))
    return dict(shop.orders.get(order_id, {}))


def describe(order_id: str, amount: Decimal) -> str:
    return f"pay back {amount} EUR of order {order_id}"


@tool(effect="irreversible", preview=describe, authorize=owner_only, resource=order_of, timeout=5.0)
async def pay_back(
    order_id: Annotated[str, Target("order")],
    amount: Decimal,
    ledger: Annotated[Ledger, Injected],
    shop: Annotated[Shop, Injected],
) -> str:
    """Pay back part of an order."""
    ledger.write(f"{order_id} {amount}")
    return "paid"


@tool(effect="read", authorize=owner_only, resource=order_of)
async def look_up(order_id: Annotated[str, Target("order")], shop: Annotated[Shop, Injected]) -> str:
    """Look an order up."""
    return f"{shop.orders[order_id]['state']}"


OFFICE = desk(tools=[allow(pay_back), allow(look_up)])


@pytest.fixture
def shop() -> Shop:
    return Shop()


def office(folder: Path, shop: Shop, **options: Any) -> Runtime:
    model = options.pop("model", None) or scripted(ASK)
    options.setdefault("workflows", [OFFICE])
    ledger = Ledger(folder / "ledger.txt")
    return Runtime(
        f"sqlite:///{folder}/licet.db", models={"main": model}, inject={Ledger: ledger, Shop: shop}, **options
    )


async def approved(folder: Path, shop: Shop, principal: Principal = ALICE) -> str:
    """A run whose call waits, and has been approved."""
    async with office(folder, shop) as runtime:
        waiting = await runtime.run("desk", "please", principal)
        assert isinstance(waiting, Suspended) and waiting.cause == "approval"
        runtime.approvals().approve(waiting.approvals[0], BOB)
        return waiting.run_id


def paid(folder: Path) -> list[str]:
    return Ledger(folder / "ledger.txt").lines()


async def test_both_are_asked_at_proposal_and_again_at_execution(tmp_path: Path, shop: Shop) -> None:
    run_id = await approved(tmp_path, shop)
    before = list(shop.asked)
    assert before == [("resource", "O-1"), ("authorize", "user-alice")]
    async with office(tmp_path, shop) as runtime:
        assert isinstance(await runtime.resume(run_id), Answered)
        records = runtime.journal.read(run_id)
        (permit,) = [record for record in records if isinstance(record.event, CallPermitted)]
        assert isinstance(permit.event, CallPermitted) and permit.event.authorization == "granted"
    assert shop.asked == before * 2
    assert paid(tmp_path) == ["O-1 120"]


async def test_what_was_approved_and_has_another_owner_since_does_not_run(tmp_path: Path, shop: Shop) -> None:
    run_id = await approved(tmp_path, shop)
    shop.orders["O-1"]["owner"] = "user-mallory"
    async with office(tmp_path, shop) as runtime:
        assert isinstance(await runtime.resume(run_id), Answered)
        (denied,) = [r.event for r in runtime.journal.read(run_id) if isinstance(r.event, CallDenied)]
        assert denied.stage == "authorization"
        assert denied.reasons[0].rule == "licet.authorization.refused"
        assert not denied.reasons[0].visible_to_model
    assert paid(tmp_path) == []


async def test_what_was_approved_and_went_to_another_tenant_since_does_not_run(
    tmp_path: Path, shop: Shop
) -> None:
    run_id = await approved(tmp_path, shop)
    shop.orders["O-1"]["tenant"] = "globex"
    async with office(tmp_path, shop) as runtime:
        await runtime.resume(run_id)
        assert load_state(runtime.journal, run_id).calls["s1c1"].status == "denied"
    assert paid(tmp_path) == []


async def test_what_was_approved_and_is_gone_since_does_not_run(tmp_path: Path, shop: Shop) -> None:
    run_id = await approved(tmp_path, shop)
    del shop.orders["O-1"]
    async with office(tmp_path, shop) as runtime:
        await runtime.resume(run_id)
    assert paid(tmp_path) == []


async def test_policy_judges_the_resource_as_it_is_when_the_call_runs(tmp_path: Path, shop: Shop) -> None:
    """The reviewer saw what it was then; policy sees what it is now."""
    run_id = await approved(tmp_path, shop)
    shop.orders["O-1"]["state"], shop.orders["O-1"]["open"] = "closed", Decimal("0.10")
    async with office(tmp_path, shop) as runtime:
        await runtime.resume(run_id)
        seen = {}
        for record in runtime.journal.read(run_id):
            if isinstance(record.event, ApprovalRequested | CallPermitted):
                content = runtime.journal.payload(run_id, record.seq, "policy_input") or b""
                assert b'"open":' in content
                seen[record.event.type] = orjson.loads(content)["context"]["resource"]
    assert seen["approval.requested"]["state"] == "paid"
    assert seen["call.permitted"] == {"owner": "user-alice", "tenant": "acme", "state": "closed", "open": 0.1}


async def test_an_edit_is_authorized_for_what_it_is_about_now(tmp_path: Path, shop: Shop) -> None:
    shop.orders["O-2"] = {"owner": "user-other", "tenant": "acme", "state": "paid"}
    async with office(tmp_path, shop) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().edit(waiting.approvals[0], BOB, {"order_id": "O-2", "amount": "120"})
        await runtime.resume(waiting.run_id)
        assert load_state(runtime.journal, waiting.run_id).calls["s1c1"].status == "denied"
    assert paid(tmp_path) == []


@pytest.mark.parametrize("answers", [None, 1, "yes", object(), [True]])
async def test_an_answer_that_is_neither_yes_nor_no_is_a_no(tmp_path: Path, answers: object) -> None:
    @tool(effect="read", authorize=lambda order_id: answers)
    def peek(order_id: str) -> str:
        """Look."""
        return order_id

    async with world(tmp_path, workflows=[desk(tools=[allow(peek)])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            denied = await run.call("peek", {"order_id": "O-1"})
    assert isinstance(denied, Denied) and denied.reasons[0].rule == "licet.authorization.failed"


async def test_a_resolver_that_fails_denies_and_its_words_reach_nobody(tmp_path: Path) -> None:
    def broken(order_id: str) -> dict[str, Any]:
        raise RuntimeError("secret-token-4711")

    @tool(effect="read", resource=broken)
    def peek(order_id: str) -> str:
        """Look."""
        return order_id

    async with world(tmp_path, workflows=[desk(tools=[allow(peek)])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            denied = await run.call("peek", {"order_id": "O-1"})
        assert isinstance(denied, Denied) and denied.stage == "authorization"
        assert "4711" not in repr(denied) + repr(runtime.journal.read(run.id))


async def test_an_authorizer_that_does_not_answer_parks_the_run(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = True

    async def slow(order_id: str) -> bool:
        if hang:
            await asyncio.Event().wait()
        return True

    @tool(effect="irreversible", preview=describe, authorize=slow)
    def pay(order_id: str, amount: Decimal, ledger: Annotated[Ledger, Injected]) -> str:
        """Pay."""
        ledger.write("paid")
        return "ok"

    monkeypatch.setattr("licet.tools.hooks.Hook.__call__.__kwdefaults__", {"seconds": 0.05})
    workflow = desk(tools=[allow(pay, unattended=True)])
    script = [calls(("pay", {"order_id": "O-1", "amount": "1"})), answer("done")]
    async with world(tmp_path, workflows=[workflow], model=scripted(script)) as runtime:
        parked = await runtime.run("desk", "please", ALICE)
        assert isinstance(parked, Suspended) and parked.cause == "policy_unavailable"
        (event,) = [r.event for r in runtime.journal.read(parked.run_id) if isinstance(r.event, RunSuspended)]
        assert "authorize" in event.detail
        assert paid(tmp_path) == []
        hang = False
        assert isinstance(await runtime.resume(parked.run_id), Answered)
    assert paid(tmp_path) == ["paid"]


async def test_it_is_asked_on_each_call_and_never_remembered(tmp_path: Path, shop: Shop) -> None:
    async with office(tmp_path, shop) as runtime, runtime.session("desk", ALICE) as run:
        assert isinstance(await run.call("look_up", {"order_id": "O-1"}), Executed)
        shop.orders["O-1"]["owner"] = "user-mallory"
        assert isinstance(await run.call("look_up", {"order_id": "O-1"}), Denied)
        shop.orders["O-1"]["owner"] = "user-alice"
        assert isinstance(await run.call("look_up", {"order_id": "O-1"}), Executed)


async def test_what_changes_while_it_is_decided_is_not_seen_by_the_model(tmp_path: Path, shop: Shop) -> None:
    """Authorization runs after the resource was read: a change between the two is caught by the later one."""
    shop.before = lambda: shop.orders["O-1"].update(owner="user-mallory")
    async with office(tmp_path, shop) as runtime, runtime.session("desk", ALICE) as run:
        denied = await run.call("look_up", {"order_id": "O-1"})
        assert isinstance(denied, Denied)
        assert not [r for r in runtime.journal.read(run.id) if isinstance(r.event, CallExecuted)]
        assert "mallory" not in denied.for_model()


@pytest.mark.parametrize(
    ("whose", "runs"),
    [("acme", True), (None, True), ("globex", False), ("", False), (1, False), (["acme"], False)],
)
async def test_a_resource_that_says_whose_it_is_is_held_to_it(tmp_path: Path, whose: Any, runs: bool) -> None:
    @tool(effect="read", resource=lambda order_id: {"tenant": whose})
    def peek(order_id: str) -> str:
        """Look."""
        return order_id

    async with world(tmp_path, workflows=[desk(tools=[allow(peek)])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("peek", {"order_id": "O-1"})
    assert isinstance(outcome, Executed if runs else Denied)
    if isinstance(outcome, Denied):
        assert outcome.reasons[0].rule == "licet.authorization.other_tenant"
        assert outcome.for_model() == "This call is not permitted."


async def test_a_session_whose_call_was_approved_is_authorized_again(tmp_path: Path, shop: Shop) -> None:
    async with office(tmp_path, shop) as runtime, runtime.session("desk", ALICE) as run:
        pending = await run.call("pay_back", {"order_id": "O-1", "amount": "120"})
        assert isinstance(pending, Pending) and pending.request_id
        runtime.approvals().approve(pending.request_id, BOB)
        shop.orders["O-1"]["owner"] = "user-mallory"
        assert isinstance(await run.outcome("c1"), Denied)
    assert paid(tmp_path) == []
