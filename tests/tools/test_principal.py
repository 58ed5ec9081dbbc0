"""A principal is what a credential proved: whole, immutable, and the same bytes for equal ones."""

from __future__ import annotations

from typing import Any

import pytest

from licet.audit.canonical import canonical
from licet.audit.errors import ConfigurationError
from licet.tools import Principal


def test_equal_principals_have_equal_digests() -> None:
    one = Principal("alice", roles=frozenset({"b", "a"}), attributes={"x": [1, {"y": "z"}], "n": None})
    other = Principal("alice", roles=frozenset({"a", "b"}), attributes={"n": None, "x": [1, {"y": "z"}]})
    assert one == other
    assert hash(one) == hash(other)
    assert canonical(one.digestible()) == canonical(other.digestible())


@pytest.mark.parametrize(
    "other",
    [
        Principal("bob"),
        Principal("alice", tenant="other"),
        Principal("alice", roles=frozenset({"admin"})),
        Principal("alice", attributes={"limit": 5}),
    ],
)
def test_every_part_counts(other: Principal) -> None:
    assert canonical(Principal("alice").digestible()) != canonical(other.digestible())


def test_it_does_not_change_with_what_it_was_made_of() -> None:
    attributes: dict[str, Any] = {"teams": ["a"]}
    it = Principal("alice", attributes=attributes)
    attributes["teams"].append("b")
    it.digestible()["teams"] = []
    assert it.attributes["teams"] == ["a"]
    with pytest.raises(TypeError):
        it.attributes["teams"] = []  # type: ignore[index]


@pytest.mark.parametrize(
    "settings",
    [
        {"subject": ""},
        {"subject": " "},
        {"subject": None},
        {"subject": "\ud800"},
        {"tenant": ""},
        {"roles": "admin"},
        {"roles": frozenset({""})},
        {"roles": frozenset({1})},
        {"attributes": []},
        {"attributes": {"x": float("nan")}},
        {"attributes": {"x": object()}},
        {"attributes": {1: "x"}},
        {"attributes": {"x": 2**53}},
    ],
)
def test_what_is_no_principal_is_refused(settings: dict[str, Any]) -> None:
    make: Any = Principal
    with pytest.raises(ConfigurationError, match="Principal"):
        make(**{"subject": "alice", **settings})
