"""A run's story: what is told of each thing that can happen, from records alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from licet.audit.canonical import Json, canonical
from licet.audit.clock import new_id, timestamp
from licet.audit.errors import JournalDamaged
from licet.audit.events import (
    Actor,
    ApprovalAnswered,
    ApprovalClosed,
    ApprovalOwed,
    ApprovalRequested,
    CallDenied,
    CallExecuted,
    CallFailed,
    CallInDoubt,
    CallPermitted,
    CallProposed,
    CallReconciled,
    CallWithheld,
    Decided,
    Denial,
    Event,
    GroupCount,
    ModelFailed,
    ModelRequested,
    ModelResponded,
    OutputRefused,
    ProposedCall,
    RunFinished,
    RunStarted,
    RunSuspended,
    WorkflowRegistered,
)
from licet.audit.explain import NoSuchCall, NoSuchRun, explain
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION, Draft, Payload, Unit
from licet.audit.story import Answered, Executed, RunStory

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
OWED = ApprovalOwed(
    requires=(GroupCount(group="payments", count=2),),
    expires_in=3600,
    reason="it is much",
    rules=("shop.much",),
)
ALLOWED = Decided(decision_id="d1", revision="r" * 64, engine="wasm", allow=True, grants=("shop.refunds",))
ASKS = ALLOWED.model_copy(update={"approval": OWED})
REFUSED = Decided(decision_id="d2", revision="r" * 64, engine="wasm", allow=False)
SAID = Denial(rule="shop.closed", message="The shop is closed.", visible_to_model=True)


class Clock:
    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment


class Tale:
    """One run, told event by event."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "licet.db"
        self.clock = Clock()
        self.journal = Journal.open(f"sqlite:///{self.path}", create=True, clock=self.clock)
        self.run_id = new_id()

    def add(self, event: Event, actor: str = "licet", *, raw: bytes | None = None, **payloads: Json) -> Tale:
        if isinstance(event, CallProposed):
            call: Json = {"call_id": event.call_id, "raw": (raw or b"").decode()}
            payloads = {"proposals": {"calls": [call], "reason": payloads["reason"]}}
        content = {name: Payload(canonical(value)) for name, value in payloads.items()}
        draft = Draft(event, Actor(kind="runtime", id=actor), content)
        self.journal.append_now(Unit(self.run_id, "acme", (draft,)))
        return self

    def start(self, driver: str = "session") -> Tale:
        event = RunStarted.model_validate(
            {
                "workflow": "desk",
                "version": "3",
                "digest": "w" * 64,
                "mode": "act",
                "driver": driver,
                "subject": "alice",
                "roles": ("support",),
                "agent": "agent",
                "tools": {},
            }
        )
        return self.add(event, input="refund it", principal={"attributes": {"shop": "berlin"}})

    def propose(self, call_id: str = "c1") -> Tale:
        event = CallProposed(call_id=call_id, tool="refund")
        return self.add(event, raw=b'{"amount": "120.00"', reason="it broke")

    def ask(self) -> Tale:
        event = ApprovalRequested(
            request_id="q1",
            call_id="c1",
            tool="refund",
            digest="a" * 64,
            owed=OWED,
            expires_at=timestamp(NOON + timedelta(hours=1)),
            decision=ASKS,
        )
        return self.add(event, shown={"preview": "pay 120", "args": {"amount": "120.00"}})

    def answer(self, reviewer: str, verdict: str = "approve", **payloads: Json) -> Tale:
        event = ApprovalAnswered.model_validate(
            {
                "request_id": "q1",
                "call_id": "c1",
                "verdict": verdict,
                "digest": "a" * 64,
                "reviewer": reviewer,
                "groups": ("payments",),
                "local": False,
                "key_id": "k",
                "signature": "s",
            }
        )
        return self.add(event, reviewer, **payloads)

    def permit(self, cost: str = "0.10", attempt: int = 1, **payloads: Json) -> Tale:
        event = CallPermitted(
            permit_id=f"p{attempt}",
            call_id="c1",
            tool="refund",
            effect="write",
            attempt=attempt,
            digest="a" * 64,
            decision=ALLOWED,
            authorization="granted",
            request_ids=("q1",),
            idempotency_key="i",
            reserved_cost=cost,
            deadline=timestamp(NOON + timedelta(minutes=1)),
        )
        return self.add(event, **payloads)

    def execute(self, cost: str = "0.07", fault: str | None = None) -> Tale:
        event = CallExecuted(
            call_id="c1",
            tool="refund",
            digest="a" * 64,
            permit_id="p1",
            decision=None,
            cost=cost,
            elapsed_us=1500,
            fault=fault,
        )
        return self.add(event, result={"paid": "120.00"})

    def story(self) -> RunStory:
        return explain(self.journal, self.run_id)

    def why(self) -> str:
        return self.story().calls[0].why


@pytest.fixture
def tale(tmp_path: Path) -> Iterator[Tale]:
    made = Tale(tmp_path)
    yield made
    made.journal.close()


def test_who_asked_for_whom_under_which_contract(tale: Tale) -> None:
    content = {"owner": "payments", "purpose": "Answer refunds", "risk": "high"}
    registered = WorkflowRegistered(name="desk", version="3", digest="w" * 64, content=content)
    unit = Unit(INSTALLATION, INSTALLATION, (Draft(registered, Actor(kind="runtime", id="licet")),))
    tale.journal.append_now(unit)
    story = tale.start().story()
    assert (story.subject, story.roles, story.tenant) == ("alice", ("support",), "acme")
    assert story.attributes is not None and story.attributes.value == {"shop": "berlin"}
    assert (story.workflow.name, story.workflow.version) == ("desk", "3")
    assert (story.workflow.owner, story.workflow.purpose, story.workflow.risk) == tuple(content.values())
    assert story.input is not None and story.input.value == "refund it"


def test_a_call_that_was_permitted_as_it_was_proposed_is_told_with_its_proposal(tale: Tale) -> None:
    kept: Json = {"call_id": "c1", "raw": '{"amount": "120.00"}'}
    permit: dict[str, Json] = {
        "proposals": {"calls": [kept], "reason": "it broke"},
        "policy_input": {"call": {"args": {"amount": "120.00"}}},
    }
    (call,) = tale.start().permit(**permit).execute().story().calls
    assert (call.status, call.tool, call.step) == ("executed", "refund", None)
    assert call.proposed is not None and call.proposed.value == '{"amount": "120.00"}'
    assert call.reason is not None and call.reason.value == "it broke"
    assert [moment.seq for moment in call.moments] == [2, 3] and call.proposed_at == NOON


def test_a_permit_of_a_call_that_was_never_proposed_is_no_story(tale: Tale) -> None:
    with pytest.raises(JournalDamaged, match=r"record 2 .* never proposed"):
        tale.start().permit().story()


def test_a_denied_call_names_the_stage_the_reason_and_the_rule(tale: Tale) -> None:
    denied = CallDenied(call_id="c1", tool="refund", stage="policy", reasons=(SAID,), decision=REFUSED)
    tale.start().propose().add(denied, policy_input={"call": {"args": {"amount": "120.00"}}})
    (call,) = tale.story().calls
    assert call.why == "It did not run: the policy does not permit it. The shop is closed. [shop.closed]"
    assert call.proposed is not None and call.proposed.value == '{"amount": "120.00"'
    assert call.reason is not None and call.reason.value == "it broke"
    assert call.arguments is not None and call.arguments.value == {"amount": "120.00"}


@pytest.mark.parametrize(
    "stage", ["allowlist", "arguments", "limits.calls", "switch.tool:refund", "something new"]
)
def test_every_stage_has_words(tale: Tale, stage: str) -> None:
    tale.start().propose().add(CallDenied(call_id="c1", tool="refund", stage=stage, reasons=(SAID,)))
    assert tale.why().startswith("It did not run: ") and tale.why().endswith(
        "The shop is closed. [shop.closed]"
    )


def test_a_withheld_call_says_what_would_have_been(tale: Tale) -> None:
    withheld = CallWithheld(call_id="c1", tool="refund", mode="suggest", decision=ASKS)
    assert "would have waited for a person" in tale.start().propose().add(withheld).why()


def test_a_waiting_call_says_for_whom(tale: Tale) -> None:
    tale.start().propose().ask()
    assert tale.why() == "It has not run: it waits for 2 of reviewers of payments, because: it is much"
    tale.answer("bob")
    assert "it waits for 1 of reviewers of payments" in tale.why()
    tale.add(RunSuspended(cause="approval", detail="waits", active_ms=1))
    assert tale.story().waits_for == ("q1",)
    assert "2026-01-02 13:00:00 UTC" in tale.story().now
    tale.answer("carol")
    assert "it is approved" in tale.why()
    assert tale.story().waits_for == ()
    assert "who have answered" in tale.story().now


def test_a_request_that_ran_out_is_said_to_have(tale: Tale) -> None:
    tale.start().propose().ask().add(RunSuspended(cause="approval", detail="waits", active_ms=1))
    tale.clock.moment = NOON + timedelta(hours=2)
    assert "the time to answer has passed" in tale.story().now
    tale.answer("bob")
    answered = tale.story().calls[0].moments[-1]
    assert isinstance(answered, Answered) and answered.late
    tale.add(ApprovalClosed(request_id="q1", call_id="c1", cause="expired", why="nobody answered in time"))
    assert "nobody answered in time" in tale.why()


def test_an_executed_call_names_rules_revision_and_approvers(tale: Tale) -> None:
    tale.start().propose().ask().answer("bob", reason="fine").answer("carol").permit().execute()
    (call,) = tale.story().calls
    assert call.why == (
        "It ran. Policy revision rrrrrrrrrrrr granted it by shop.refunds."
        " The tool's own authorization granted it too. Approved by bob, carol."
    )
    assert call.cost == Decimal("0.07")
    executed = call.moments[-1]
    assert isinstance(executed, Executed) and executed.result is not None
    assert executed.result.value == {"paid": "120.00"}
    answered = call.moments[1]
    assert isinstance(answered, Answered) and answered.same_digest and not answered.late
    assert answered.reason is not None and answered.reason.value == "fine"


def test_an_edit_shows_what_was_executed(tale: Tale) -> None:
    tale.start().propose().ask().answer("bob", "edit", args={"amount": "60.00"}).permit().execute()
    (call,) = tale.story().calls
    assert call.arguments is not None and call.arguments.value == {"amount": "60.00"}
    assert "Approved by bob (who edited it)." in call.why


def test_a_fault_a_failure_a_doubt_and_what_a_person_found(tale: Tale) -> None:
    tale.start().propose().permit()
    assert "no outcome is on record" in tale.why()
    assert tale.story().calls[0].cost == Decimal("0.10")
    tale.add(CallInDoubt(call_id="c1", tool="refund", permit_id="p1", cause="the line went dead"))
    assert tale.why().startswith("It may or may not have happened: the line went dead.")
    tale.add(CallReconciled(call_id="c1", happened=True), "local:ada", evidence="the bank says so")
    assert tale.why() == "It was in doubt, until local:ada found out that it did happen."
    assert tale.story().calls[0].status == "executed"


def test_a_failed_call_costs_nothing(tale: Tale) -> None:
    failed = CallFailed(
        call_id="c1",
        tool="refund",
        digest="a" * 64,
        permit_id="p1",
        decision=None,
        error="Closed",
        message="The order is closed.",
        not_executed=True,
        elapsed_us=1,
    )
    (call,) = tale.start().propose().permit().add(failed).story().calls
    assert "The order is closed." in call.why and "the tool said that it did nothing" in call.why
    assert (call.status, call.cost) == ("failed", Decimal("0.00"))


def model_requested(step: int) -> ModelRequested:
    return ModelRequested(
        step=step,
        model="main",
        model_id="m-1",
        prompt_hash="p" * 64,
        request_digest="q" * 64,
        reserved_input=100,
        reserved_output=50,
        reserved_cost="0.30",
    )


def test_what_the_model_cost_and_what_a_lost_request_counts(tale: Tale) -> None:
    responded = ModelResponded(
        step=1,
        model_id="m-1-2026",
        input_tokens=40,
        output_tokens=5,
        cost="0.02",
        overran=False,
        calls=(ProposedCall(call_id="s1c1", tool="refund"),),
        finish_reason=None,
    )
    proposals: Json = {"calls": [{"call_id": "s1c1", "raw": "{}"}], "reason": "it broke"}
    tale.start("loop").add(model_requested(1)).add(responded, proposals=proposals)
    tale.add(OutputRefused(step=1, attempt=1), errors="no such field")
    tale.add(model_requested(2)).add(ModelFailed(step=2, error="Refused", sent=False))
    tale.add(model_requested(3))
    story = tale.story()
    answered, refused, lost = story.requests
    assert (answered.model_id, answered.calls, answered.cost) == ("m-1-2026", ("s1c1",), Decimal("0.02"))
    assert answered.refused[0].value == "no such field"
    assert (refused.error, refused.cost) == ("Refused", 0)
    assert (lost.answered, lost.cost) == (False, Decimal("0.30"))
    assert (story.usage.input_tokens, story.usage.output_tokens) == (140, 55)
    assert story.usage.cost == Decimal("0.32")
    assert story.calls[0].step == 1 and story.calls[0].reason is not None
    assert explain(tale.journal, tale.run_id, "s1c1").requests == (answered,)


def test_why_a_run_ended(tale: Tale) -> None:
    assert "It is under way, or its process died" in tale.start().story().now
    ended = RunFinished(status="stopped", rule="limits.calls", reason="8 calls.", active_ms=1)
    story = tale.propose().add(ended).story()
    assert (story.status, story.outcome, story.rule) == ("finished", "stopped", "limits.calls")
    assert story.now == "It was stopped by limits.calls: 8 calls."
    assert story.calls[0].why == "It never came to a decision."


def test_erased_payloads_are_said_to_be_erased(tale: Tale) -> None:
    tale.start().propose().ask().answer("bob", reason="fine").answer("carol").permit().execute()
    with sqlite3.connect(tale.path) as database:
        (guard,) = database.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'payloads_no_delete'"
        ).fetchone()
        database.execute("DROP TRIGGER payloads_no_delete")
        database.execute("DELETE FROM payloads")
        database.execute(guard)
    database.close()
    story = tale.story()
    (call,) = story.calls
    assert story.input is not None and story.input.erased
    assert call.proposed is not None and call.proposed.erased
    assert call.arguments is not None and call.arguments.erased
    executed = call.moments[-1]
    assert isinstance(executed, Executed) and executed.result is not None and executed.result.erased
    assert "Approved by bob, carol." in call.why
    assert "fine" not in json.dumps(story.to_json())


def test_the_story_is_json(tale: Tale) -> None:
    tale.start().propose().ask().answer("bob").answer("carol").permit().execute()
    document = json.loads(json.dumps(tale.story().to_json()))
    assert document["started_at"] == "2026-01-02T12:00:00.000000Z"
    assert document["usage"]["cost"] == "0.07"
    kinds = [moment["kind"] for moment in document["calls"][0]["moments"]]
    assert kinds == ["asked", "answered", "answered", "permitted", "executed"]
    assert document["calls"][0]["moments"][3]["decision"]["grants"] == ["shop.refunds"]


def test_only_what_is_there_is_explained(tale: Tale) -> None:
    tale.start().propose()
    with pytest.raises(NoSuchCall, match="it has: c1"):
        explain(tale.journal, tale.run_id, "c2")
    with pytest.raises(NoSuchRun):
        explain(tale.journal, tale.run_id, tenant="other")
    with pytest.raises(NoSuchRun):
        explain(tale.journal, "%_______")
    assert explain(tale.journal, tale.run_id[:8].upper(), tenant="acme").run_id == tale.run_id


def test_a_stream_that_is_no_run_is_not_told_as_one(tale: Tale) -> None:
    tale.propose()
    with pytest.raises(JournalDamaged, match="does not begin with its start"):
        tale.story()
