"""The gate: what each stage lets through and holds up, and what is on record when the caller hears of it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from governed import ALICE, Ledger, desk, world

from licet import (
    Denied,
    Executed,
    Failed,
    InDoubt,
    Limits,
    Pending,
    Refused,
    StopRules,
    Suggested,
    allow,
    tool,
)
from licet.audit.events import Actor, CallPermitted, PolicyActivated
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION
from licet.audit.verify import verify
from licet.runtime.errors import RuntimeClosed
from licet.runtime.switches import switch


def types(runtime: Any, run_id: str) -> list[str]:
    return [record.event.type for record in runtime.journal.read(run_id)]


async def test_a_read_is_permitted_and_on_record(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("read_order", {"order_id": "O-1"}, reason="the customer asked")
            assert outcome == Executed("c1", "read_order", {"order_id": "O-1", "state": "paid"})
        assert types(runtime, run.id) == [
            "run.started",
            "call.proposed",
            "call.executed",
            "run.finished",
        ]
    assert verify(f"sqlite:///{tmp_path}/licet.db").problems == []


class Held:
    """The journal's database, locked by somebody else: nothing becomes durable until it is let go."""

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "licet.db", isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    def let_go(self) -> None:
        self.connection.execute("ROLLBACK")
        self.connection.close()


async def turns() -> None:
    """As many turns of the loop as any call takes, and then some."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_no_effect_starts_before_its_permit_is_durable(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.txt")
    reached: set[str] = set()
    observer = lambda stage, call_id: reached.add(stage)  # noqa: E731
    async with world(tmp_path, ledger=ledger, observer=observer) as runtime:
        async with runtime.session("desk", ALICE) as run:
            held = Held(tmp_path)
            call = asyncio.create_task(run.call("refund", {"order_id": "O-1", "amount": "20.00"}))
            await turns()
            assert "intent" in reached and "execute" not in reached
            assert ledger.lines() == []
            held.let_go()
            assert isinstance(await call, Executed)
            assert types(runtime, run.id)[-2:] == ["call.permitted", "call.executed"]
    assert ledger.lines() == ["refund O-1 20"]


async def test_no_result_is_seen_before_its_record_is_durable(tmp_path: Path) -> None:
    reached: set[str] = set()
    observer = lambda stage, call_id: reached.add(stage)  # noqa: E731
    async with world(tmp_path, observer=observer) as runtime:
        async with runtime.session("desk", ALICE) as run:
            held = Held(tmp_path)
            call = asyncio.create_task(run.call("read_order", {"order_id": "O-1"}))
            await turns()
            assert "record" in reached and "answer" not in reached
            assert not call.done()
            held.let_go()
            assert isinstance(await call, Executed)


@pytest.mark.parametrize(
    ("name", "arguments", "stage", "says"),
    [
        ("drop_tables", {}, "allowlist", "no such tool"),
        ("read_order", {"orderId": "O-1"}, "arguments", "order_id"),
        ("read_order", {"order_id": 7}, "arguments", "order_id"),
        ("read_order", {}, "arguments", "order_id"),
        ("refund", {"order_id": "O-1", "amount": "200.01"}, "narrowing", "amount"),
        ("refund", "{not json", "arguments", ""),
        ("refund", '{"order_id": "O-1", "amount": NaN}', "arguments", "amount"),
        ("read_order", {"order_id": "x" * 10_000_000}, "arguments", ""),
        ("read_order", '{"order_id":' + "[" * 100_000, "arguments", ""),
    ],
)
async def test_what_is_not_allowed_is_denied_with_words_for_the_model(
    tmp_path: Path, name: str, arguments: Any, stage: str, says: str
) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        outcome = await run.call(name, arguments)
        assert isinstance(outcome, Denied)
        assert outcome.stage == stage
        assert says in outcome.for_model()
        assert types(runtime, run.id)[-1] == "call.denied"


async def test_an_irreversible_call_beyond_what_passes_alone_waits_for_a_person(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("refund", {"order_id": "O-1", "amount": "120.00"}, reason="late parcel")
            assert isinstance(outcome, Pending)
            (request,) = runtime.approvals().pending()
            assert request.request_id == outcome.request_id
        head = runtime.journal.head(run.id)
        assert head is not None and head.status == "suspended"
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_what_the_tool_says_was_not_executed_is_a_failure_and_the_run_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        outcome = await run.call("refund", {"order_id": "closed", "amount": "1"})
        assert outcome == Failed("c1", "refund", "NotExecuted", "the order is closed", not_executed=True)
        assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)


@pytest.mark.parametrize("order", ["breaks", "breaks-after"])
async def test_any_other_error_of_an_irreversible_call_leaves_it_in_doubt_and_stops_the_run(
    tmp_path: Path, order: str
) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("refund", {"order_id": order, "amount": "1"})
            assert isinstance(outcome, InDoubt)
            after = await run.call("read_order", {"order_id": "O-1"})
            assert isinstance(after, Denied) and after.stage == "run"
        head = runtime.journal.head(run.id)
        assert head is not None and head.status == "suspended"


async def test_a_write_that_is_not_idempotent_is_in_doubt_too_and_one_that_is_has_failed(
    tmp_path: Path,
) -> None:
    class Broken(Ledger):
        def write(self, line: str) -> None:
            raise OSError("disk")

    async with world(tmp_path, ledger=Broken(tmp_path / "x")) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("note", {"text": "a"}), Failed)
            assert isinstance(await run.call("mark", {"text": "a"}), InDoubt)


async def test_an_exceptions_text_reaches_nobody(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        await run.call("refund", {"order_id": "breaks", "amount": "1"})
    for name in ("licet.db", "licet.db-wal"):
        path = tmp_path / name
        assert not path.exists() or b"secret-token-4711" not in path.read_bytes()


@pytest.mark.parametrize("mode", ["observe", "suggest"])
async def test_without_mode_act_reads_run_and_no_effect_happens(tmp_path: Path, mode: Any) -> None:
    async with world(tmp_path, workflows=[desk(mode=mode)]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
            small = await run.call("refund", {"order_id": "O-1", "amount": "20"})
            large = await run.call("refund", {"order_id": "O-1", "amount": "120"})
            assert isinstance(small, Suggested) and small.would == "execute"
            assert isinstance(large, Suggested) and large.would == "ask"
            assert small.arguments == {"order_id": "O-1", "amount": "20"}
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_concurrent_calls_never_pass_a_limit(tmp_path: Path) -> None:
    workflow = desk(limits=Limits(calls=5), stop_rules=StopRules(same_call=None))
    async with world(tmp_path, workflows=[workflow]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcomes = await asyncio.gather(
                *(run.call("read_order", {"order_id": f"{number}"}) for number in range(12)),
                *(run.call("note", {"text": f"{number}"}) for number in range(12)),
            )
        assert sum(isinstance(outcome, Executed) for outcome in outcomes) == 5
        assert {outcome.stage for outcome in outcomes if isinstance(outcome, Denied)} <= {
            "limits.calls",
            "run",
        }
        assert types(runtime, run.id).count("run.finished") == 1


async def test_the_same_call_again_and_again_ends_the_run(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime, runtime.session("desk", ALICE) as run:
        outcomes = [await run.call("read_order", {"order_id": "O-1"}) for _ in range(4)]
        assert [type(outcome) for outcome in outcomes] == [Executed, Executed, Executed, Denied]
        last = outcomes[-1]
        assert isinstance(last, Denied) and last.stage == "stop_rules.same_call"


async def test_the_tools_own_authorization_is_asked_and_its_reason_is_kept_from_the_model(
    tmp_path: Path,
) -> None:
    def authorize(order_id: str) -> bool | Refused:
        if order_id == "boom":
            raise RuntimeError("secret")
        return True if order_id == "mine" else Refused("belongs to somebody else", visible=False)

    @tool(effect="read", authorize=authorize)
    def peek(order_id: str) -> str:
        """Look at an order."""
        return order_id

    async with world(tmp_path, workflows=[desk(tools=[allow(peek)])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("peek", {"order_id": "mine"}), Executed)
            refused = await run.call("peek", {"order_id": "theirs"})
            broken = await run.call("peek", {"order_id": "boom"})
    for outcome in (refused, broken):
        assert isinstance(outcome, Denied)
        assert outcome.stage == "authorization"
        assert outcome.for_model() == "This call is not permitted."


async def test_a_result_that_does_not_validate_is_executed_with_the_fault_noted(tmp_path: Path) -> None:
    @tool(effect="write")
    def lies() -> int:
        """Say a number and answer text."""
        return "not a number"  # type: ignore[return-value]

    async with world(tmp_path, workflows=[desk(tools=[allow(lies)])]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("lies", {})
    assert isinstance(outcome, Executed)
    assert outcome.result is None and outcome.fault


async def test_a_kill_switch_holds_for_the_next_call_and_only_for_its_scope(tmp_path: Path) -> None:
    operator = Actor(kind="operator", id="local:ops")
    async with world(tmp_path) as runtime:
        switch(runtime.journal, "tool:refund", off=True, reason="incident 7", actor=operator)
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
            outcome = await run.call("refund", {"order_id": "O-1", "amount": "20"})
            assert isinstance(outcome, Denied) and outcome.stage == "switch.tool:refund"
            after = await run.call("refund", {"order_id": "O-1", "amount": "20"})
            assert isinstance(after, Denied) and after.stage == "run"
        switch(runtime.journal, "tool:refund", off=False, reason="over", actor=operator)
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "20"}), Executed)


async def test_a_caller_that_is_cancelled_lets_go_and_the_effect_still_gets_its_record(
    tmp_path: Path,
) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    @tool(effect="irreversible")
    async def slow() -> str:
        """Take its time."""
        started.set()
        await finish.wait()
        return "done"

    workflow = desk(tools=[allow(slow, unattended=True)], previews="none")
    async with world(tmp_path, workflows=[workflow]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            caller = asyncio.create_task(run.call("slow", {}))
            await started.wait()
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            finish.set()
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        assert "call.executed" in [record.event.type for record in journal.read(run.id)]


async def test_the_permit_names_decision_digest_and_deadline(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await run.call("refund", {"order_id": "O-1", "amount": "20.00"})
        (permit,) = [
            record.event for record in runtime.journal.read(run.id) if isinstance(record.event, CallPermitted)
        ]
        assert permit.decision.allow and permit.decision.grants
        (policy,) = [
            record.event
            for record in runtime.journal.read(INSTALLATION)
            if isinstance(record.event, PolicyActivated)
        ]
        assert permit.decision.revision == policy.revision
        assert len(permit.digest) == 64 and permit.idempotency_key


async def test_a_call_outside_the_runtimes_life_is_refused_with_a_message(tmp_path: Path) -> None:
    runtime = world(tmp_path)
    with pytest.raises(RuntimeClosed, match="async with runtime"):
        await runtime.run("desk", "hello", ALICE)
    async with runtime, runtime.session("desk", ALICE) as run:
        pass
    with pytest.raises(RuntimeClosed):
        async with runtime.session("desk", ALICE):
            pass
    assert run.id
