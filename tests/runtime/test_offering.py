"""Policy may hide a workflow's tools from the model: what it is offered, what is on record, and what a call meets."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest
from governed import ALICE, Ledger, answer, calls, desk, scripted, world
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models.function import AgentInfo, FunctionModel

from licet import Agent, Answered, Denied, Executed, Pending, Priced, Principal, Reviewer, Suspended
from licet.audit.events import CallDenied, Decided, Denial, ToolsOffered
from licet.audit.explain import explain
from licet.policies import Offer, PolicyEngine, PolicyUnavailable, load
from licet.runtime.recovery import load as load_state

BOB = Reviewer(id="local:bob", local=True)
HIDDEN = Denial(rule="desk.juniors", message="not for juniors", visible_to_model=False)
EVERYTHING = ["read_order", "refund", "note", "mark"]


class Hiding:
    """The shipped policy, which hides what a test says, as another policy set would, and can be away or broken."""

    name, bundle = "wasm", b""

    def __init__(self, *hidden: str) -> None:
        self.inner: PolicyEngine = load()
        self.bundle = self.inner.bundle
        self.hidden = set(hidden)
        self.revision = self.inner.revision
        self.asked = 0
        self.failure: Exception | None = None
        self.silent_on: set[str] = set()

    async def decide(self, input: bytes, decision_id: str) -> Decided:
        return await self.inner.decide(input, decision_id)

    async def offered(self, input: bytes, decision_id: str) -> Offer:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        tools = [tool["name"] for tool in orjson.loads(input)["tools"]]
        reasons = {
            tool: (HIDDEN,) if tool in self.hidden else () for tool in tools if tool not in self.silent_on
        }
        return Offer(decision_id, self.revision, self.name, reasons)


def needs_opa() -> None:
    if shutil.which(os.environ.get("LICET_OPA", "opa")) is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("opa is missing, and the checks need it")
        pytest.skip("opa is not installed")


def watched(*steps: Any) -> tuple[Priced, list[list[str]]]:
    """A model that gives these responses, and what it is offered with each request."""
    offered: list[list[str]] = []

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        offered.append([tool.name for tool in info.function_tools])
        step = steps[sum(isinstance(message, ModelResponse) for message in messages)]
        found: ModelResponse = step() if callable(step) else step
        return found

    return Priced(FunctionModel(respond, model_name="watched"), input="1.00", output="2.00"), offered


def offers(runtime: Any, run_id: str) -> list[ToolsOffered]:
    return [r.event for r in runtime.journal.read(run_id) if isinstance(r.event, ToolsOffered)]


async def test_a_hidden_tool_is_not_shown_to_the_model_and_denied_when_it_is_called(tmp_path: Path) -> None:
    engine = Hiding("refund")
    model, offered = watched(calls(("refund", {"order_id": "O-1", "amount": "20"})), answer("done"))
    async with world(tmp_path, model=model, policies=engine) as runtime:
        result = await runtime.run("desk", "please", ALICE)
        assert isinstance(result, Answered)
        assert offered == [["read_order", "note", "mark"]] * 2
        (event,) = offers(runtime, result.run_id)
        assert event.hidden == {"refund": (HIDDEN,)} and event.revision == engine.revision
        (denied,) = [r.event for r in runtime.journal.read(result.run_id) if isinstance(r.event, CallDenied)]
        assert (denied.stage, denied.reasons) == ("offered", (HIDDEN,))
        story = explain(runtime.journal, result.run_id)
        assert "hides this tool" in story.calls[0].why and "not for juniors" in story.calls[0].why
        assert [
            "refund (desk.juniors)" in turn.text for turn in story.turnings if turn.kind == "offered"
        ] == [True]
    assert engine.asked == 1
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_where_nothing_is_hidden_nothing_is_said(tmp_path: Path) -> None:
    engine = Hiding()
    model, offered = watched(calls(("read_order", {"order_id": "O-1"})), answer("done"))
    async with world(tmp_path, model=model, policies=engine) as runtime:
        result = await runtime.run("desk", "please", ALICE)
        assert offers(runtime, result.run_id) == []
    assert offered == [EVERYTHING] * 2
    assert engine.asked == 1


async def test_a_rule_in_rego_hides_by_role_tenant_and_agent(tmp_path: Path) -> None:
    needs_opa()
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "juniors.rego").write_text(
        """package licet.user.juniors

hide contains {"rule": "juniors.irreversible", "message": "Ask a senior.", "visible_to_model": true} if {
	input.tool.effect == "irreversible"
	not "senior" in input.principal.roles
}
"""
    )
    senior = Principal("user-sen", "acme", frozenset({"senior"}))
    async with world(tmp_path, policies=rules) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert await run.tools() == ["read_order", "note", "mark"]
            denied = await run.call("refund", {"order_id": "O-1", "amount": "20"})
            assert isinstance(denied, Denied) and denied.for_model() == "Ask a senior."
        async with runtime.session("desk", senior) as run:
            assert await run.tools() == EVERYTHING
        async with runtime.session("desk", senior, agent=Agent("bot", frozenset())) as run:
            assert await run.tools() == ["read_order", "note", "mark"]


async def test_the_workflows_list_is_the_outer_bound(tmp_path: Path) -> None:
    engine = Hiding()
    workflow = desk(tools=[entry for entry in desk().tools if entry.tool != "refund"])
    from governed import refund

    async with world(tmp_path, policies=engine, workflows=[workflow], tools=[refund]) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert await run.tools() == ["read_order", "note", "mark"]
            denied = await run.call("refund", {"order_id": "O-1", "amount": "20"})
    assert isinstance(denied, Denied) and denied.stage == "allowlist"


async def test_a_tool_without_an_answer_is_hidden(tmp_path: Path) -> None:
    engine = Hiding()
    engine.silent_on = {"mark"}
    async with world(tmp_path, policies=engine) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert await run.tools() == ["read_order", "refund", "note"]
            denied = await run.call("mark", {"text": "x"})
    assert isinstance(denied, Denied) and denied.reasons[0].rule == "licet.engine.failed"


async def test_an_engine_that_fails_offers_nothing_until_it_answers(tmp_path: Path) -> None:
    engine = Hiding()
    engine.failure = RuntimeError("secret-token-4711")
    async with world(tmp_path, policies=engine) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert await run.tools() == []
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Denied)
            (event,) = offers(runtime, run.id)
            assert event.hidden.keys() == set(EVERYTHING)
            assert event.cause == "the engine failed: RuntimeError"
            engine.failure = None
            assert isinstance(await run.call("read_order", {"order_id": "O-1"}), Executed)
            assert await run.tools() == EVERYTHING
        assert [event.hidden.keys() == set() for event in offers(runtime, run.id)] == [False, True]


async def test_while_policy_is_away_the_model_is_not_asked_and_the_run_goes_on_when_it_is_back(
    tmp_path: Path,
) -> None:
    engine = Hiding("refund")
    engine.failure = PolicyUnavailable("the policy service does not answer")
    model, offered = watched(answer("done"))
    async with world(tmp_path, model=model, policies=engine) as runtime:
        parked = await runtime.run("desk", "please", ALICE)
        assert isinstance(parked, Suspended) and parked.cause == "policy_unavailable"
        assert offered == []
        engine.failure = None
        assert isinstance(await runtime.resume(parked.run_id), Answered)
        async with runtime.session("desk", ALICE) as run:
            engine.failure = PolicyUnavailable("the policy service does not answer")
            waits = await run.call("read_order", {"order_id": "O-1"})
            assert isinstance(waits, Pending) and waits.cause == "policy_unavailable"
    assert offered == [["read_order", "note", "mark"]]


async def test_a_new_policy_set_is_asked_again_in_the_middle_of_a_run(tmp_path: Path) -> None:
    engine = Hiding()

    def reload() -> ModelResponse:
        engine.hidden, engine.revision = {"mark"}, "f" * 64
        return calls(("mark", {"text": "x"}))

    model, offered = watched(calls(("read_order", {"order_id": "O-1"})), reload, answer("done"))
    async with world(tmp_path, model=model, policies=engine) as runtime:
        result = await runtime.run("desk", "please", ALICE)
        (event,) = offers(runtime, result.run_id)
    assert offered == [EVERYTHING, EVERYTHING, ["read_order", "refund", "note"]]
    assert event.revision == "f" * 64 and event.hidden.keys() == {"mark"}
    assert engine.asked == 2
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_a_call_that_was_approved_is_denied_when_its_tool_is_hidden_meanwhile(tmp_path: Path) -> None:
    engine = Hiding()
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script), policies=engine) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
    engine = Hiding("refund")
    async with world(tmp_path, model=scripted(script), policies=engine) as runtime:
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
        assert load_state(runtime.journal, waiting.run_id).calls["s1c1"].status == "denied"
    assert Ledger(tmp_path / "ledger.txt").lines() == []


async def test_another_worker_asks_for_itself_and_records_only_what_is_new(tmp_path: Path) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script), policies=Hiding("mark")) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
    engine = Hiding("mark")
    async with world(tmp_path, model=scripted(script), policies=engine) as runtime:
        runtime.approvals().approve(runtime.approvals().pending()[0].request_id, BOB)
        await runtime.resume(waiting.run_id)
        assert len(offers(runtime, waiting.run_id)) == 1
    assert engine.asked == 1


async def test_calls_side_by_side_ask_once(tmp_path: Path) -> None:
    engine = Hiding("mark")
    async with world(tmp_path, policies=engine) as runtime:
        async with runtime.session("desk", ALICE) as run:
            await asyncio.gather(*(run.call("read_order", {"order_id": f"O-{n}"}) for n in range(5)))
    assert engine.asked == 1
