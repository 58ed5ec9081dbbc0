"""Which tools a run is offered: rules of the user's hide some, none is added, and what has no answer is hidden."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import INPUT
from jsonschema import Draft202012Validator
from opa_process import OpaProcess

from licet.policies import Offer, OpaServer, PolicyEngine, PolicyUnavailable, load
from licet.policies.library import HOME
from licet.policies.load import policy_set
from licet.policies.offer import offer
from licet.policies.server_bundle import for_server

Make = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("real_opa")

JUNIORS = """package licet.user.juniors

hide contains {"rule": "juniors.irreversible", "message": "Juniors undo everything.", "visible_to_model": true} if {
	input.tool.effect == "irreversible"
	not "senior" in input.principal.roles
}

hide contains {"rule": "juniors.money", "message": "No money at night."} if {
	"money" in input.tool.tags
	startswith(input.context.time, "2026-01-02T03")
}

# It reads what nothing is called with yet, and says nothing.
hide contains {"rule": "juniors.amount", "message": "Too much."} if input.call.args.amount > 0
"""


def document(*tools: str, **changes: Any) -> dict[str, Any]:
    """What is asked about these tools, each `name:effect`."""
    asked = copy.deepcopy(INPUT)
    for part in ("tool", "allowance", "call"):
        del asked[part]
    listed = []
    for tool in tools:
        name, _, effect = tool.partition(":")
        listed.append({**INPUT["tool"], "name": name, "effect": effect or "read", "tags": []})
    asked["tools"] = listed
    for path, value in changes.items():
        part, _, name = path.partition("__")
        asked[part][name] = value
    return asked


async def hidden(engine: PolicyEngine, asked: dict[str, Any]) -> dict[str, list[str]]:
    """By tool, the rules that hide it."""
    answer = await engine.offered(orjson.dumps(asked), "d-1")
    assert answer.cause is None
    assert (answer.revision, answer.engine, answer.decision_id) == (engine.revision, engine.name, "d-1")
    found = answer.hidden(tool["name"] for tool in asked["tools"])
    return {tool: [reason.rule for reason in reasons] for tool, reasons in found.items()}


async def test_the_library_hides_nothing(shipped: PolicyEngine) -> None:
    assert await hidden(shipped, document("read", "pay:irreversible", "odd:unknown")) == {}
    assert await hidden(shipped, document()) == {}


async def test_rules_hide_one_tool_and_not_another(folder: Make) -> None:
    engine = load(folder(juniors=JUNIORS))
    asked = document("read", "pay:irreversible", "tip:write")
    asked["tools"][2]["tags"] = ["money"]
    assert await hidden(engine, asked) == {"pay": ["juniors.irreversible"], "tip": ["juniors.money"]}
    asked["principal"]["roles"] = ["senior"]
    asked["context"]["time"] = "2026-01-02T12:00:00.000000Z"
    assert await hidden(engine, asked) == {}


async def test_an_agent_is_offered_what_both_are(folder: Make) -> None:
    engine = load(folder(juniors=JUNIORS))
    asked = document("pay:irreversible", principal__roles=["senior", "support"])
    assert await hidden(engine, asked) == {}
    asked["agent"]["roles"] = ["support"]
    assert await hidden(engine, asked) == {"pay": ["juniors.irreversible"]}
    asked["agent"]["roles"] = ["senior"]
    assert await hidden(engine, asked) == {}
    asked["principal"]["roles"] = ["support"]
    assert await hidden(engine, asked) == {"pay": ["juniors.irreversible"]}


@pytest.mark.parametrize(
    "rule",
    [
        'hide contains "pay"',
        'hide contains {"rule": "x"}',
        'hide contains {"rule": "x", "message": 1}',
        'hide contains {"rule": "x", "message": "y", "tool": "pay"}',
        'hide := ["pay"]',
        'hide := {"rule": "x", "message": "y"}',
        "hide := true",
    ],
)
async def test_a_rule_of_another_form_hides_everything(folder: Make, rule: str) -> None:
    engine = load(folder(odd=f"package licet.user.odd\n\n{rule}\n"))
    found = await hidden(engine, document("read", "pay:write"))
    assert found.keys() == {"read", "pay"}
    assert all("licet.extensions.malformed" in rules for rules in found.values())


@pytest.mark.parametrize(
    "change",
    [
        {"principal__roles": "admin"},
        {"principal__tenant": None},
        {"agent__roles": "x"},
        {"workflow__risk": "none"},
        {"run__calls": {}},
        {"context__time": 0},
    ],
)
async def test_on_an_input_that_is_not_whole_nothing_is_offered(
    shipped: PolicyEngine, change: dict[str, Any]
) -> None:
    assert await hidden(shipped, document("read", **change)) == {"read": ["licet.offering.malformed_input"]}


async def test_what_has_no_answer_is_not_offered(shipped: PolicyEngine) -> None:
    for raw in (b"{", b"{}", b"null", orjson.dumps({**document(), "tools": "read"})):
        answer = await shipped.offered(raw, "d-1")
        assert answer.hidden(["read"]).keys() == {"read"}
    failed = await shipped.offered(orjson.dumps(document("read", agent__id="x" * 2_000_000)), "d-1")
    assert failed.cause is not None and "bytes" in failed.cause
    (reason,) = failed.hidden(["read"])["read"]
    assert (reason.rule, reason.visible_to_model) == ("licet.engine.failed", False)
    assert failed.cause in reason.message


@pytest.mark.parametrize(
    "answer", [None, 3, [], ["read"], {"read": None}, {"read": {}}, {"read": [1]}, {"read": [{"rule": "x"}]}]
)
def test_an_answer_of_another_form_offers_nothing(answer: object) -> None:
    read = offer(answer, decision_id="d", revision="r", engine="e")
    assert read.cause is not None
    assert read.hidden(["read", "pay"]).keys() == {"read", "pay"}


def test_a_tool_of_which_nothing_is_said_is_not_offered() -> None:
    read = offer({"read": []}, decision_id="d", revision="r", engine="e")
    assert read.hidden(["read", "pay"]).keys() == {"pay"}
    assert Offer("d", "r", "e").hidden([]) == {}


async def test_the_answer_is_of_the_form_that_is_published(folder: Make) -> None:
    engine = load(folder(juniors=JUNIORS))
    schema = orjson.loads((HOME / "schema" / "offered.json").read_bytes())
    answer = await engine.offered(orjson.dumps(document("read", "pay:irreversible")), "d-1")
    plain = {tool: [reason.model_dump() for reason in reasons] for tool, reasons in answer.reasons.items()}
    Draft202012Validator(schema).validate(plain)
    assert set(plain) == {"read", "pay"}


async def test_a_server_says_the_same_and_is_missed_when_it_is_gone(folder: Make, tmp_path: Path) -> None:
    place = folder(juniors=JUNIORS)
    served = tmp_path / "licet.tar.gz"
    served.write_bytes(for_server(policy_set(place)))
    inside = load(place)
    inputs = [
        document("read", "pay:irreversible", "tip:write"),
        document("pay:irreversible", principal__roles=["senior"]),
        document("pay:irreversible", principal__roles=["senior"], agent__roles=[]),
        document("read", principal__roles="x"),
        document(),
    ]
    with OpaProcess(tmp_path, "--bundle", str(served)) as opa:
        async with OpaServer(opa.url, policies=place, deadline=30) as engine:
            for asked in inputs:
                assert await hidden(engine, asked) == await hidden(inside, asked)
            broken = await engine.offered(b"{", "d-1")
            assert broken.cause == "the input is no JSON"
        async with OpaServer(opa.url, policies=place, deadline=1) as engine:
            opa.kill()
            with pytest.raises(PolicyUnavailable):
                await engine.offered(orjson.dumps(document("read")), "d-1")
