"""An agent with rights of its own, at the gate: in policy, in authorization by the tools, on record and in explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from governed import ALICE, answer, calls, desk, scripted, world

from licet import (
    Agent,
    Answered,
    ConfigurationError,
    Denied,
    Executed,
    Pending,
    Principal,
    Refused,
    Reviewer,
    Runtime,
    Suspended,
    ToolContext,
    allow,
    tool,
)
from licet.audit.events import CallDenied, CallExecuted, CallPermitted, RunDelegated, RunStarted
from licet.audit.explain import explain
from licet.runtime.errors import AgentRefused
from licet.runtime.recovery import load as load_state

BOB = Reviewer(id="local:bob", local=True)
LEAD = Principal("user-lea", "acme", frozenset({"support", "finance"}))
BOT = Agent("desk-bot", frozenset({"support"}))


def needs_finance(context: ToolContext) -> bool | Refused:
    return True if "finance" in context.principal.roles else Refused("only finance")


def not_suspended(context: ToolContext) -> bool | Refused:
    return Refused("suspended") if "suspended" in context.principal.roles else True


@tool(effect="read", authorize=needs_finance)
async def ledger_of(year: int, context: ToolContext) -> list[str]:
    """Read the ledger; it says with which roles it was called."""
    return sorted(context.principal.roles)


@tool(effect="read", authorize=not_suspended)
async def look(context: ToolContext) -> list[str]:
    """Look around."""
    return sorted(context.principal.roles)


OFFICE = desk(tools=[allow(ledger_of), allow(look)])


def office(folder: Path, **options: Any) -> Runtime:
    options.setdefault("workflows", [OFFICE])
    return world(folder, **options)


async def test_the_tool_and_its_authorization_see_the_roles_that_both_have(tmp_path: Path) -> None:
    async with office(tmp_path) as runtime:
        async with runtime.session("desk", LEAD) as run:
            itself = await run.call("ledger_of", {"year": 2026})
            assert isinstance(itself, Executed) and itself.result == ["finance", "support"]
        async with runtime.session("desk", LEAD, agent=BOT) as run:
            assert isinstance(await run.call("ledger_of", {"year": 2026}), Denied)
            seen = await run.call("look", {})
            assert isinstance(seen, Executed) and seen.result == ["support"]
        async with runtime.session("desk", LEAD, agent=Agent("auditor", frozenset({"finance"}))) as run:
            audited = await run.call("ledger_of", {"year": 2026})
            assert isinstance(audited, Executed) and audited.result == ["finance"]


async def test_an_agent_gives_its_principal_no_role(tmp_path: Path) -> None:
    async with office(tmp_path, agent=Agent("auditor", frozenset({"finance", "support"}))) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("ledger_of", {"year": 2026}), Denied)


async def test_a_role_that_forbids_something_still_forbids_it(tmp_path: Path) -> None:
    suspended = Principal("user-mel", "acme", frozenset({"support", "suspended"}))
    async with office(tmp_path, agent=BOT) as runtime:
        async with runtime.session("desk", suspended) as run:
            outcome = await run.call("look", {})
    assert isinstance(outcome, Denied) and outcome.stage == "authorization"
    assert outcome.reasons[0].message == "suspended"


async def test_policy_and_the_journal_know_both(tmp_path: Path) -> None:
    async with office(tmp_path, agent=BOT) as runtime:
        async with runtime.session("desk", LEAD) as run:
            await run.call("look", {})
        records = runtime.journal.read(run.id)
        started, delegated = records[0].event, records[1].event
        assert isinstance(started, RunStarted)
        assert (started.agent, started.roles) == ("desk-bot", ("finance", "support"))
        assert delegated == RunDelegated(agent="desk-bot", roles=("support",))
        (read,) = [record for record in records if isinstance(record.event, CallExecuted)]
        asked = orjson.loads(runtime.journal.payload(run.id, read.seq, "policy_input") or b"")
        assert asked["principal"]["roles"] == ["finance", "support"]
        assert asked["agent"] == {"id": "desk-bot", "model": "main", "roles": ["support"]}
        story = explain(runtime.journal, run.id)
        assert (story.agent, story.agent_roles) == ("desk-bot", ("support",))
        async with runtime.session("desk", LEAD, agent=Agent("plain")) as plain:
            await plain.call("look", {})
        assert explain(runtime.journal, plain.id).agent_roles is None
        assert not [r for r in runtime.journal.read(plain.id) if isinstance(r.event, RunDelegated)]


async def test_an_agent_of_another_tenant_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path, agent=Agent("theirs", tenant="globex")) as runtime:
        with pytest.raises(AgentRefused):
            async with runtime.session("desk", ALICE):
                pass
        with pytest.raises(AgentRefused):
            await runtime.run("desk", "please", ALICE)
        assert runtime.journal.heads() == []
        ours = Agent("ours", tenant="acme")
        assert isinstance(await runtime.run("desk", "please", ALICE, agent=ours), Answered)


async def test_a_run_keeps_the_rights_its_agent_had(tmp_path: Path) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script), agent=BOT) as runtime:
        waiting = await runtime.run("desk", "please", LEAD)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
    # Another process, whose agent of that name may use more today, and one in which it may use less.
    wider = Agent("desk-bot", frozenset({"support", "finance"}))
    async with world(tmp_path, model=scripted(script), agent=wider) as runtime:
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
        state = load_state(runtime.journal, waiting.run_id)
        assert state.agent == BOT
        (record,) = [r for r in runtime.journal.read(waiting.run_id) if isinstance(r.event, CallPermitted)]
        asked = orjson.loads(runtime.journal.payload(waiting.run_id, record.seq, "policy_input") or b"")
        assert asked["agent"]["roles"] == ["support"]


async def test_rights_that_were_taken_away_are_gone_and_the_approval_with_them(tmp_path: Path) -> None:
    script = [calls(("refund", {"order_id": "O-1", "amount": "120"})), answer("done")]
    async with world(tmp_path, model=scripted(script), agent=Agent("desk-bot")) as runtime:
        waiting = await runtime.run("desk", "please", LEAD)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], BOB)
    async with world(tmp_path, model=scripted(script), agent=BOT) as runtime:
        again = await runtime.resume(waiting.run_id)
        # The reviewer had said yes to somebody with more roles.
        assert isinstance(again, Suspended) and again.approvals != waiting.approvals
        assert load_state(runtime.journal, waiting.run_id).agent == BOT
        runtime.approvals().approve(again.approvals[0], BOB)
        assert isinstance(await runtime.resume(waiting.run_id), Answered)
    async with world(tmp_path, model=scripted(script), agent="desk-bot") as runtime:
        assert explain(runtime.journal, waiting.run_id).agent_roles == ("support",)


async def test_a_run_that_goes_on_takes_no_other_agent(tmp_path: Path) -> None:
    async with world(tmp_path) as runtime:
        async with runtime.session("desk", ALICE) as run:
            assert isinstance(await run.call("refund", {"order_id": "O-1", "amount": "120"}), Pending)
        with pytest.raises(ConfigurationError, match="keeps the agent"):
            async with runtime.session(run_id=run.id, agent=BOT):
                pass


async def test_with_no_role_in_common_what_needs_none_still_goes(tmp_path: Path) -> None:
    async with office(tmp_path, agent=Agent("stranger", frozenset())) as runtime:
        async with runtime.session("desk", LEAD) as run:
            seen = await run.call("look", {})
            assert isinstance(seen, Executed) and seen.result == []
            denied = await run.call("ledger_of", {"year": 1})
        assert isinstance(denied, Denied)
        record = runtime.journal.read(run.id)[-2].event
        assert isinstance(record, CallDenied) and record.stage == "authorization"


@pytest.mark.parametrize(
    "settings",
    [
        {"id": ""},
        {"id": " "},
        {"id": 1},
        {"id": "\ud800"},
        {"id": "a", "roles": "admin"},
        {"id": "a", "roles": {""}},
        {"id": "a", "roles": {1}},
        {"id": "a", "roles": 5},
        {"id": "a", "tenant": ""},
        {"id": "a", "tenant": 1},
    ],
)
def test_an_agent_that_is_none_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Agent(**settings)
