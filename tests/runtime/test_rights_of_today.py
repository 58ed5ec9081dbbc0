"""What a run may do is what its principal, its agent and the policy in force may today."""

from __future__ import annotations

from pathlib import Path

import pytest

from licet import Agent, Denied, Executed, Principal, Runtime, ToolContext, Workflow, allow, tool

BOSS = Principal("alice", "acme", frozenset({"admin", "support"}))


@tool(effect="write")
def act(what: str, ctx: ToolContext) -> list[str]:
    """Do it."""
    return sorted(ctx.principal.roles)


DESK = Workflow(
    name="desk", version="1", owner="desk@acme.example", purpose="Test rights", mode="act", tools=[allow(act)]
)


async def test_an_agent_that_goes_by_the_runtimes_own_name_has_no_more_rights_than_it(tmp_path: Path) -> None:
    runtime = Runtime(
        f"sqlite:///{tmp_path}/l.db", workflows=[DESK], agent=Agent("bot", frozenset({"support"}))
    )
    async with runtime, runtime.session("desk", BOSS, agent=Agent("bot")) as run:
        outcome = await run.call("act", {"what": "x"})
        assert isinstance(outcome, Executed)
        assert outcome.result == ["support"]


async def test_who_lost_a_role_goes_on_without_it(tmp_path: Path) -> None:
    async with Runtime(f"sqlite:///{tmp_path}/l.db", workflows=[DESK]) as runtime:
        with pytest.raises(KeyError):
            async with runtime.session("desk", BOSS) as run:
                raise KeyError
        today = Principal("alice", "acme", frozenset({"support", "auditor"}))
        async with runtime.session(run_id=run.id, principal=today) as again:
            outcome = await again.call("act", {"what": "x"})
            assert isinstance(outcome, Executed)
            assert outcome.result == ["support"]


@pytest.mark.parametrize("given", ["12:30", "   ", {"customer": "Bob Smith", "date": "2026-01-31"}, ""])
async def test_any_input_can_be_worked_on(tmp_path: Path, given: object) -> None:
    async with Runtime(f"sqlite:///{tmp_path}/l.db", workflows=[marked()]) as runtime:
        async with runtime.session("desk", BOSS, input=given) as run:  # type: ignore[arg-type]
            assert not isinstance(await run.call("act", {"what": "x"}), Denied)


def marked() -> Workflow:
    """The desk with a tool whose result says whose words it holds, so that provenance is worked out."""
    from typing import Annotated

    from licet import Trust

    @tool(effect="read")
    def page() -> Annotated[str, Trust("external")]:
        """Read a page."""
        return "words"

    return DESK.model_copy(update={"tools": (*DESK.tools, allow(page))})
