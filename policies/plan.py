"""What OPA compiles to WebAssembly: the plan of a policy, https://www.openpolicyagent.org/docs/ir."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from licet.policies.verdicts import Problem

Statement = dict[str, Any]
"""`{"type": ..., "stmt": {...}}`."""


def problem(plan: dict[str, Any], statement: dict[str, Any], reason: str) -> Problem:
    """What is wrong at a statement (its `stmt`)."""
    file = plan["static"]["files"][statement["file"]]["value"]
    return Problem(reason, file=file, line=statement["row"], column=statement["col"])


def functions_of(plan: dict[str, Any]) -> list[list[Statement]]:
    """The statements of each function and each entry point."""
    functions = (*(plan["funcs"].get("funcs") or ()), *plan["plans"]["plans"])
    return [[item for block in function["blocks"] for item in block["stmts"] or ()] for function in functions]


def inside(statement: dict[str, Any]) -> Iterator[Statement]:
    """The statements in the blocks of one (of its `stmt`), in order."""
    for block in (*(statement.get("blocks") or ()), statement.get("block")):
        if block:
            yield from block["stmts"] or ()
