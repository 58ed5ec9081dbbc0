"""An answer of another form than the contract's is a denial with a cause."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from orjson import loads

from licet.audit.events import Decided
from licet.policies.decision import LONGEST_EXPIRY, decided
from licet.policies.library import HOME

SCHEMA = Draft202012Validator(loads((HOME / "schema" / "decision.json").read_bytes()))

ALLOWED: dict[str, Any] = {"allow": True, "grants": ["a"], "deny": [], "approval": None, "obligations": []}
APPROVAL: dict[str, Any] = {
    "requires": [{"group": "any", "count": 1}],
    "expires_in": 60,
    "escalate_to": None,
    "reason": "because",
    "rules": ["r"],
}
DENIAL = {"rule": "a", "message": "b", "visible_to_model": True}


def parse(document: object) -> Decided:
    return decided(document, decision_id="d", revision="r", engine="e")


def test_a_whole_answer_is_taken_and_sorted() -> None:
    document = {
        **ALLOWED,
        "grants": ["b", "a"],
        "approval": {
            **APPROVAL,
            "requires": [{"group": "finance", "count": 2}, {"group": "any", "count": 1}],
            "rules": ["z", "y"],
        },
        "obligations": [{"notify": "x"}, {"limit": 1}],
    }
    assert SCHEMA.is_valid(document)
    decision = parse(document)
    assert decision.allow
    assert decision.cause is None
    assert decision.grants == ("a", "b")
    assert decision.approval is not None
    assert [count.group for count in decision.approval.requires] == ["any", "finance"]
    assert decision.approval.rules == ("y", "z")
    assert decision.obligations == ({"limit": 1}, {"notify": "x"})


def test_a_denial_is_taken_with_its_reasons() -> None:
    decision = parse({**ALLOWED, "allow": False, "grants": [], "deny": [DENIAL]})
    assert not decision.allow
    assert decision.cause is None
    assert decision.denials[0].message == "b"
    assert decision.denials[0].visible_to_model


IMPROPER: dict[str, object] = {
    "nothing": None,
    "true": True,
    "an array": [ALLOWED],
    "text": "allow",
    "allow false alone": {"allow": False},
    "allow true alone": {"allow": True},
    "allow in words": {**ALLOWED, "allow": "true"},
    "allow as a number": {**ALLOWED, "allow": 1},
    "allow as null": {**ALLOWED, "allow": None},
    "a stranger": {**ALLOWED, "obligation": []},
    "allowed by nothing": {**ALLOWED, "grants": []},
    "allowed and denied": {**ALLOWED, "deny": [DENIAL]},
    "a grant that is a number": {**ALLOWED, "grants": ["a", 1]},
    "grants in words": {**ALLOWED, "grants": "a"},
    "denials in an object": {**ALLOWED, "deny": {}},
    "a denial in words": {**ALLOWED, "allow": False, "deny": ["no"]},
    "a denial shown in words": {**ALLOWED, "allow": False, "deny": [{**DENIAL, "visible_to_model": "yes"}]},
    "an approval that is false": {**ALLOWED, "approval": False},
    "an approval that is empty": {**ALLOWED, "approval": {}},
    "an approval by nobody": {**ALLOWED, "approval": {**APPROVAL, "requires": []}},
    "an approval by none": {**ALLOWED, "approval": {**APPROVAL, "requires": [{"group": "any", "count": 0}]}},
    "a count that is true": {
        **ALLOWED,
        "approval": {**APPROVAL, "requires": [{"group": "any", "count": True}]},
    },
    "a count in words": {**ALLOWED, "approval": {**APPROVAL, "requires": [{"group": "any", "count": "1"}]}},
    "a broken count": {**ALLOWED, "approval": {**APPROVAL, "requires": [{"group": "any", "count": 1.5}]}},
    "a group twice": {**ALLOWED, "approval": {**APPROVAL, "requires": [{"group": "any", "count": 1}] * 2}},
    "an expiry of nothing": {**ALLOWED, "approval": {**APPROVAL, "expires_in": 0}},
    "an expiry without end": {**ALLOWED, "approval": {**APPROVAL, "expires_in": LONGEST_EXPIRY + 1}},
    "a stranger in the approval": {**ALLOWED, "approval": {**APPROVAL, "granted": True}},
    "rules in words": {**ALLOWED, "approval": {**APPROVAL, "rules": "r"}},
    "an obligation in words": {**ALLOWED, "obligations": ["notify"]},
    "obligations that are null": {**ALLOWED, "obligations": None},
    "an obligation beyond what JSON numbers hold": {**ALLOWED, "obligations": [{"limit": 2**60}]},
    "an obligation that is not a number": {**ALLOWED, "obligations": [{"limit": float("nan")}]},
}


@pytest.mark.parametrize("document", IMPROPER.values(), ids=IMPROPER)
def test_an_improper_answer_denies_with_a_cause(document: object) -> None:
    decision = parse(document)
    assert not decision.allow
    assert decision.cause is not None
    assert decision.grants == ()
    assert decision.approval is None
    assert decision.denials[0].rule == "licet.engine.failed"
    assert not decision.denials[0].visible_to_model


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ALLOWED, *APPROVAL, *DENIAL, "x"]), inner, max_size=5)
    ),
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(ALLOWED, values)).map(lambda part: {**ALLOWED, **part})
)
def test_whatever_allows_is_of_the_form_of_the_schema(document: dict[str, Any]) -> None:
    if parse(document).allow:
        assert document["allow"] is True
        assert SCHEMA.is_valid(document)
