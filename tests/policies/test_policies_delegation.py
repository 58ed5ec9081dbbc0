"""An agent with rights of its own may do what its principal may and what it may itself, whatever the rules say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import changed, decide
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opa_process import OpaProcess

from licet.audit.events import Decided
from licet.policies import OpaServer, PolicyEngine, load
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server

# Roles that permit, roles that forbid, and roles that do so by not being there.
RULES = """package licet.user.roles

grant contains "roles.refunds" if "refunds" in input.principal.roles

grant contains "roles.no_trainee" if not "trainee" in input.principal.roles

deny contains {"rule": "roles.suspended", "message": "suspended"} if "suspended" in input.principal.roles

deny contains {"rule": "roles.nobody", "message": "no role"} if count(input.principal.roles) == 0

approval contains {
	"rule": "roles.junior",
	"requires": [{"group": "seniors", "count": 1}],
	"expires_in": 60,
	"reason": "A junior asks.",
} if {
	"junior" in input.principal.roles
}

approval contains {
	"rule": "roles.not_senior",
	"requires": [{"group": "seniors", "count": 2}],
	"expires_in": 600,
	"reason": "Nobody senior asks.",
} if {
	not "senior" in input.principal.roles
}

obligation contains {"notify": role} if some role in input.principal.roles

hide contains {"rule": "roles.hidden", "message": "not for trainees"} if "trainee" in input.principal.roles
"""
ROLES = ["refunds", "trainee", "suspended", "junior", "senior"]
# Nothing of the library's own grants this one.
UNGRANTED: dict[str, Any] = {"tool.effect": "write", "allowance.within": True}


@pytest.fixture(scope="module")
def engine(real_opa: Path, tmp_path_factory: pytest.TempPathFactory) -> PolicyEngine:
    place = tmp_path_factory.mktemp("rules")
    (place / "roles.rego").write_text(RULES)
    return load(place)


def asked(roles: list[str], agent: list[str] | None, effect: str = "write") -> dict[str, Any]:
    document = changed("principal.roles", roles)
    document["agent"]["roles"] = agent
    document["tool"]["effect"] = effect
    return document


def against(decision: Decided) -> set[str]:
    return {denial.rule for denial in decision.denials}


def owed(*decisions: Decided) -> tuple[dict[str, int], set[str]]:
    found = [decision.approval for decision in decisions if decision.approval is not None]
    groups: dict[str, int] = {}
    for approval in found:
        for count in approval.requires:
            groups[count.group] = max(count.count, groups.get(count.group, 0))
    return groups, {rule for approval in found for rule in approval.rules}


SOME = st.lists(st.sampled_from(ROLES), unique=True)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(roles=SOME, agent=SOME, effect=st.sampled_from(["read", "write", "irreversible", "delete"]))
async def test_it_is_what_both_may(
    engine: PolicyEngine, roles: list[str], agent: list[str], effect: str
) -> None:
    both = await decide(engine, asked(roles, agent, effect))
    user = await decide(engine, asked(roles, None, effect))
    narrowed = await decide(engine, asked([role for role in roles if role in agent], None, effect))
    assert both.cause is user.cause is narrowed.cause is None
    assert both.allow == (user.allow and narrowed.allow)
    assert against(both) == against(user) | against(narrowed)
    assert owed(both) == owed(user, narrowed)
    assert all(obligation in both.obligations for obligation in (*user.obligations, *narrowed.obligations))


async def test_a_role_that_forbids_is_not_lost_by_leaving_it_out(engine: PolicyEngine) -> None:
    decision = await decide(engine, asked(["refunds", "suspended"], ["refunds"]))
    assert not decision.allow
    assert against(decision) == {"roles.suspended"}


async def test_an_agent_without_rights_of_its_own_has_its_principals(engine: PolicyEngine) -> None:
    for agent in ({"id": "a", "model": None}, {"id": "a", "model": None, "roles": None}):
        document = changed("agent", agent)
        document["principal"]["roles"] = ["refunds"]
        decision = await decide(engine, document)
        assert decision.allow and "roles.refunds" in decision.grants


async def test_an_agent_may_nothing_that_its_principal_may_not(engine: PolicyEngine) -> None:
    decision = await decide(engine, asked(["trainee"], ROLES))
    assert "roles.refunds" not in decision.grants


@pytest.mark.parametrize("roles", ["refunds", 1, True, {"refunds": True}, ["refunds", 1], [None]])
async def test_rights_that_are_no_list_of_names_deny(engine: PolicyEngine, roles: object) -> None:
    decision = await decide(engine, changed("agent.roles", roles))
    assert not decision.allow
    assert "licet.effects.malformed_input" in against(decision)


async def test_a_server_says_the_same(
    engine: PolicyEngine, real_opa: Path, tmp_path: Path, folder: Callable[..., Path]
) -> None:
    place = folder(roles=RULES)
    served = tmp_path / "licet.tar.gz"
    served.write_bytes(for_server(policy_set(place)))
    with OpaProcess(tmp_path, "--bundle", str(served)) as opa:
        async with OpaServer(opa.url, policies=place, deadline=30) as server:
            inputs = [
                asked([role for at, role in enumerate(ROLES) if mask >> at & 1], agent, effect)
                for mask in range(0, 32, 3)
                for agent in (None, [], ["refunds"], ["refunds", "junior", "admin"], ROLES)
                for effect in ("write", "irreversible")
            ]
            mine = [await decide(engine, document) for document in inputs]
            theirs = await asyncio.gather(*(decide(server, document) for document in inputs))
    for document, ours, other in zip(inputs, mine, theirs, strict=True):
        assert ours == other.model_copy(update={"engine": ours.engine}), document
