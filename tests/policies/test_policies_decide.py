"""What the shipped policy decides, asked in process."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from asking import INPUT, changed, decide
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from licet.policies import PolicyEngine
from licet.policies.library import INPUT_SCHEMA

SCHEMA = Draft202012Validator(orjson.loads(INPUT_SCHEMA.read_bytes()))


async def test_a_listed_read_passes(shipped: PolicyEngine) -> None:
    decision = await decide(shipped, changed("tool.effect", "read"))
    assert decision.allow
    assert decision.grants == ("licet.effects.read_allowlisted",)
    assert decision.approval is None
    assert decision.cause is None
    assert (decision.engine, decision.revision) == (shipped.name, shipped.revision)


async def test_an_irreversible_call_passes_and_owes_an_approval(shipped: PolicyEngine) -> None:
    decision = await decide(shipped, changed("tool.effect", "irreversible"))
    assert decision.allow
    assert decision.approval is not None
    assert [(count.group, count.count) for count in decision.approval.requires] == [("any", 1)]
    assert decision.approval.expires_in == 86400
    assert decision.approval.rules == ("licet.effects.irreversible_owes_approval",)


@pytest.mark.parametrize("effect", ["read", "irreversible"])
async def test_the_same_question_gets_the_same_decision_under_an_id_of_its_own(
    shipped: PolicyEngine, effect: str
) -> None:
    asked = orjson.dumps(changed("tool.effect", effect))
    first, again = [await shipped.decide(asked, decision_id) for decision_id in ("d-1", "d-2")]
    assert (first.decision_id, again.decision_id) == ("d-1", "d-2")
    again = again.model_copy(update={"decision_id": first.decision_id})
    assert again == first
    assert again.model_fields_set == first.model_fields_set


async def test_what_is_not_allowed_says_why(shipped: PolicyEngine) -> None:
    decision = await decide(shipped, changed("allowance.within", False))
    assert not decision.allow
    assert [denial.rule for denial in decision.denials] == [
        "licet.default_deny",
        "licet.effects.outside_workflow",
    ]


@pytest.mark.parametrize("mode", ["observe", "suggest", "act"])
async def test_the_mode_does_not_change_the_decision(shipped: PolicyEngine, mode: str) -> None:
    assert (await decide(shipped, changed("workflow.mode", mode))).allow


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("workflow.mode", "ACT"),
        ("workflow.risk", "none"),
        ("tool.effect", "delete"),
        ("allowance.listed", "true"),
        ("allowance.within", 1),
        ("allowance.within", None),
    ],
)
async def test_a_value_nobody_knows_grants_nothing(shipped: PolicyEngine, path: str, value: object) -> None:
    decision = await decide(shipped, changed(path, value))
    assert not decision.allow
    assert decision.grants == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"true",
        b'"x"',
        b"\xff\xfe",
        b"{" * 5000,
        b"[" * 100_000,
        b'{"a": "\\ud800"}',
    ],
    ids=["empty", "cut", "null", "array", "true", "text", "no utf-8", "braces", "deep", "lone surrogate"],
)
async def test_what_is_no_input_is_denied_and_the_next_is_decided(shipped: PolicyEngine, raw: bytes) -> None:
    assert not (await decide(shipped, raw)).allow
    assert (await decide(shipped, INPUT)).allow


async def test_a_lone_surrogate_in_an_argument_denies(shipped: PolicyEngine) -> None:
    raw = orjson.dumps(INPUT).replace(b'"O-1234"', b'"\\ud800"')
    decision = await decide(shipped, raw)
    assert not decision.allow
    assert decision.cause is not None


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the input that the contract speaks of; what lies in `args` and the like is free."""
    if path and (path[-1] in ("args", "attributes", "environment", "tenant_data", "resource", "sources")):
        return [path]
    inner: list[tuple[Any, ...]] = []
    if isinstance(value, dict):
        inner = [place for key, item in value.items() for place in _places(item, (*path, key))]
    if isinstance(value, list):
        inner = [place for index, item in enumerate(value) for place in _places(item, (*path, index))]
    return [path, *inner] if path else inner


PLACES = _places(INPUT)
MISSING = object()
STRANGERS = [MISSING, "text", 7, True, None, ["x", 1], {"x": [None]}]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
async def test_an_input_that_breaks_the_schema_is_denied(
    shipped: PolicyEngine, place: tuple[Any, ...]
) -> None:
    refused = 0
    for stranger in STRANGERS:
        document = copy.deepcopy(INPUT)
        holder: Any = document
        for step in place[:-1]:
            holder = holder[step]
        if stranger is MISSING:
            del holder[place[-1]]
        else:
            holder[place[-1]] = stranger
        if SCHEMA.is_valid(document):
            continue
        refused += 1
        decision = await decide(shipped, document)
        assert not decision.allow, stranger
        assert decision.cause is None
    assert refused >= 4 or place[-1] in (
        "args",
        "attributes",
        "environment",
        "tenant_data",
        "resource",
        "sources",
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TOP = sorted(INPUT)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(TOP), json_values, min_size=1))
async def test_nonsense_in_any_part_never_allows(shipped: PolicyEngine, parts: dict[str, Any]) -> None:
    assert not (await decide(shipped, {**INPUT, **parts})).allow


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | json_values.map(lambda value: repr(value).encode(errors="replace")))
async def test_nonsense_never_allows(shipped: PolicyEngine, raw: bytes) -> None:
    assert not (await decide(shipped, raw)).allow
    assert (await decide(shipped, INPUT)).allow


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(max_size=10), json_values, max_size=5))
async def test_arguments_may_be_anything(shipped: PolicyEngine, args: dict[str, Any]) -> None:
    assert (await decide(shipped, changed("call.args", args))).allow
