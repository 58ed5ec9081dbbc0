"""What OPA compiles to WebAssembly: the plan of a policy, https://www.openpolicyagent.org/docs/ir."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Statement = dict[str, Any]
"""`{"type": ..., "stmt": {...}}`."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where a compiled policy may answer otherwise than OPA's own evaluator.

    Attributes:
        file: the module, by the name it was compiled under.
        line: counted from 1.
        reason: what differs, and what to write.
    """

    file: str
    line: int
    reason: str

    @classmethod
    def at(cls, plan: dict[str, Any], statement: dict[str, Any], reason: str) -> Difference:
        """The difference at a statement (its `stmt`)."""
        return cls(plan["static"]["files"][statement["file"]]["value"], statement["row"], reason)


def functions_of(plan: dict[str, Any]) -> list[list[Statement]]:
    """The statements of each function and each entry point."""
    functions = (*(plan["funcs"].get("funcs") or ()), *plan["plans"]["plans"])
    return [[item for block in function["blocks"] for item in block["stmts"] or ()] for function in functions]


def inside(statement: dict[str, Any]) -> Iterator[Statement]:
    """The statements in the blocks of one (of its `stmt`), in order."""
    for block in (*(statement.get("blocks") or ()), statement.get("block")):
        if block:
            yield from block["stmts"] or ()
