"""Finds a negated lookup among rules by a variable, which OPA compiles wrongly.

In `not data.shop[name].open`, where rules of `data.shop` may be meant, what leaves the lookup early leaves the negation
with it: it does not hold where it should, or holds where it should not. Seen in OPA 1.22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from licet.policies.plan import Statement, functions_of, inside, problem
from licet.policies.verdicts import Problem

_REASON = (
    "a negation over rules that are chosen by a variable does not hold when it should once it is compiled; name the "
    "rule, or put the lookup into a rule of its own and negate that"
)


def negated_choices(plan: dict[str, Any]) -> list[Problem]:
    """Every such lookup in a plan, the `plan.json` of `opa build --target plan`."""
    found = (item for statements in functions_of(plan) for item in _chosen(statements, negated=False))
    return list(dict.fromkeys(problem(plan, statement, _REASON) for statement in found))


def _chosen(statements: Iterable[Statement], *, negated: bool) -> Iterator[dict[str, Any]]:
    for item in statements:
        kind, statement = item["type"], item["stmt"]
        if negated and (kind == "CallDynamicStmt" or (kind == "ScanStmt" and _is_rest(statement))):
            yield statement
        yield from _chosen(inside(statement), negated=negated or kind == "NotStmt")


def _is_rest(scan: dict[str, Any]) -> bool:
    """Whether it goes through the data beside rules: all but the names that the rules have."""
    key = {"type": "local", "value": scan["key"]}
    return any(
        item["type"] == "NotStmt"
        and [(one["type"], one["stmt"].get("key")) for one in inside(item["stmt"])] == [("DotStmt", key)]
        for item in inside(scan)
    )
