"""Whether two definitions of a rule can hold at once: shown to be impossible, or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from licet.policies.syntax import Node, Rule, bare, operator

_NEVER_BOTH = {
    frozenset(pair)
    for pair in (
        ("lt", "gte"), ("lt", "gt"), ("lt", "equal"), ("gt", "lte"), ("gt", "equal"), ("equal", "neq"),
    )
}  # fmt: skip
"""Comparisons of the same two values that cannot both hold."""


def exclusive(one: Rule, other: Rule) -> bool:
    """Whether it is plain that no input makes both hold: for each pair of clauses there are conditions that exclude
    each other.
    """
    return all(_apart(first, second) for first in one.clauses() for second in other.clauses())


def _apart(first: Node, second: Node) -> bool:
    arguments = zip(first["head"].get("args") or (), second["head"].get("args") or (), strict=False)
    if any(_different(one, other) for one, other in arguments):
        return True
    return any(
        _excludes(one, other)
        for one in _conditions(first.get("body", ()))
        for other in _conditions(second.get("body", ()))
    )


def _conditions(body: Any) -> Iterator[Node]:
    return (expr for expr in body if not expr.get("with"))


def _different(one: Node, other: Node) -> bool:
    constants = ("string", "number", "boolean", "null")
    return one["type"] in constants and other["type"] in constants and bare(one) != bare(other)


def _excludes(one: Node, other: Node) -> bool:
    if bool(one.get("negated")) != bool(other.get("negated")):
        return bool(bare(one["terms"]) == bare(other["terms"]))
    if one.get("negated"):
        return False
    first, second = _comparison(one), _comparison(other)
    if first is None or second is None or bare(first[1]) != bare(second[1]):
        return False
    if first[0] == second[0] == "equal":
        return _different(first[2], second[2])
    return frozenset((first[0], second[0])) in _NEVER_BOTH and bare(first[2]) == bare(second[2])


def _comparison(expr: Node) -> tuple[str, Node, Node] | None:
    terms = expr["terms"]
    if not isinstance(terms, list) or len(terms) != 3:
        return None
    return operator(terms[0]), terms[1], terms[2]
