"""Invariant 6: what policy does not clearly allow does not run, and a policy service that is down parks the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from governed import ALICE, Ledger, answer, calls, desk, scripted, world

from licet import Answered, Denied, Executed, Pending, Reviewer, Suspended, allow, at_most, tool
from licet.audit.events import ApprovalOwed, CallDenied, Decided, GroupCount, RunSuspended
from licet.policies import Offer, PolicyUnavailable, load
from licet.runtime.recovery import load as load_state

BOB = Reviewer(id="local:bob", local=True)
SCRIPT = [calls(("refund", {"order_id": "O-1", "amount": "20"})), answer("done")]


class Wrapped:
    """The shipped policy, with a way to get between it and the gate."""

    def __init__(self) -> None:
        self.inner = load()
        self.name, self.revision, self.bundle = self.inner.name, self.inner.revision, self.inner.bundle
        self.down = False
        self.change: dict[str, Any] = {}

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        if self.down:
            raise PolicyUnavailable("the policy service does not answer")
        decided = await self.inner.decide(input, decision_id)
        return decided.model_copy(update=self.change)

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        if self.down:
            raise PolicyUnavailable("the policy service does not answer")
        return await self.inner.offered(input, decision_id)


async def test_while_policy_is_down_nothing_runs_and_the_run_goes_on_when_it_is_back(tmp_path: Path) -> None:
    engine = Wrapped()
    engine.down = True
    async with world(tmp_path, model=scripted(SCRIPT), policies=engine) as runtime:
        parked = await runtime.run("desk", "please", ALICE)
        assert isinstance(parked, Suspended) and parked.cause == "policy_unavailable"
        assert Ledger(tmp_path / "ledger.txt").lines() == []
        (suspended,) = [
            record.event
            for record in runtime.journal.read(parked.run_id)
            if isinstance(record.event, RunSuspended)
        ]
        assert "does not answer" in suspended.detail
        engine.down = False
        assert isinstance(await runtime.resume(parked.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 20"]


async def test_a_session_is_told_that_policy_is_down(tmp_path: Path) -> None:
    engine = Wrapped()
    engine.down = True
    async with world(tmp_path, policies=engine) as runtime:
        async with runtime.session("desk", ALICE) as run:
            outcome = await run.call("read_order", {"order_id": "O-1"})
            assert isinstance(outcome, Pending) and outcome.cause == "policy_unavailable"
        engine.down = False
        async with runtime.session(run_id=run.id) as again:
            assert isinstance(await again.outcome("c1"), Executed)


async def test_a_policy_that_fails_denies_and_the_cause_is_on_record(tmp_path: Path) -> None:
    nonsense = tmp_path / "rego"
    nonsense.mkdir()
    engine = Wrapped()
    failure = Decided(
        decision_id="d",
        revision=engine.revision,
        engine="wasm",
        allow=False,
        cause="the evaluation was aborted",
    )
    engine.change = failure.model_dump(include={"allow", "cause"})
    async with world(tmp_path, policies=engine) as runtime, runtime.session("desk", ALICE) as run:
        outcome = await run.call("read_order", {"order_id": "O-1"})
        assert isinstance(outcome, Denied) and outcome.stage == "policy"
        record = runtime.journal.read(run.id)[-1].event
        assert isinstance(record, CallDenied) and record.decision is not None
        assert record.decision.cause == "the evaluation was aborted"


async def test_what_is_owed_at_execution_counts_not_what_was_owed_when_it_was_asked(tmp_path: Path) -> None:
    engine = Wrapped()
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script), policies=engine) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
        engine.change = {
            "approval": ApprovalOwed(
                requires=(GroupCount(group="any", count=2),), expires_in=3600, reason="two people today"
            )
        }
        more = await runtime.resume(waiting.run_id)
        assert isinstance(more, Suspended) and more.approvals != waiting.approvals
        assert Ledger(tmp_path / "ledger.txt").lines() == []
        carol = Reviewer(id="local:carol", local=True)
        for reviewer in (BOB, carol):
            if runtime.approvals().get(more.approvals[0]).status == "pending":
                runtime.approvals().approve(more.approvals[0], reviewer)
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]


async def test_an_approval_that_nobody_can_give_is_denied_at_once(tmp_path: Path) -> None:
    engine = Wrapped()
    engine.change = {
        "approval": ApprovalOwed(
            requires=(GroupCount(group="payments", count=1),), expires_in=3600, reason="payments only"
        )
    }
    async with world(tmp_path, policies=engine) as runtime, runtime.session("desk", ALICE) as run:
        outcome = await run.call("refund", {"order_id": "O-1", "amount": "120"})
        assert isinstance(outcome, Denied) and outcome.stage == "review"


async def test_a_policy_may_ask_for_a_person_before_a_read(tmp_path: Path) -> None:
    engine = Wrapped()
    engine.change = {
        "approval": ApprovalOwed(
            requires=(GroupCount(group="any", count=1),), expires_in=3600, reason="sensitive"
        )
    }
    async with world(tmp_path, policies=engine) as runtime, runtime.session("desk", ALICE) as run:
        outcome = await run.call("read_order", {"order_id": "O-1"})
        assert isinstance(outcome, Pending) and outcome.request_id
        runtime.approvals().approve(outcome.request_id, BOB)
        assert isinstance(await run.outcome("c1"), Executed)
        assert load_state(runtime.journal, run.id).calls["c1"].permit is not None


async def test_a_run_whose_workflow_is_no_longer_in_the_code_goes_on_under_the_old_contract(
    tmp_path: Path,
) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script)) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)

    @tool(effect="read")
    def unrelated() -> str:
        """Nothing to do with it."""
        return "x"

    from governed import mark, note, read_order, refund

    newer = desk(version="2", tools=[allow(unrelated)])
    keep = [read_order, refund, note, mark]
    async with world(tmp_path, model=scripted(script), workflows=[newer], tools=keep) as runtime:
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    assert Ledger(tmp_path / "ledger.txt").lines() == ["refund O-1 120"]


async def test_a_changed_workflow_under_its_old_version_is_refused(tmp_path: Path) -> None:
    import pytest
    from governed import refund

    from licet import ConfigurationError

    async with world(tmp_path):
        pass
    changed = desk(tools=[allow(refund, amount=at_most("9999"))])
    with pytest.raises(ConfigurationError, match="new version"):
        async with world(tmp_path, workflows=[changed]):
            pass
