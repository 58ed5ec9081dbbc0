"""Finds where a policy looks something up in its data by a key that two of OPA's evaluators take differently.

OPA's own evaluator makes text of every key in a path into the base documents: `data.limits[2]` finds the key "2", and
`data.list["0"]` the first element. A compiled policy tells numbers from text, and finds neither. Once a part of the
data is the value of a variable, both do as the compiled policy does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from licet.policies.plan import Statement, functions_of, inside, problem
from licet.policies.verdicts import Problem

_DATA = 1
"""The local of a plan that holds `data`."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_INDEX = re.compile(r"(?:\+|-(?=[0.]*$))?(\d{1,18})(?:\.0*)?")
"""What OPA takes for the place of an element."""

_TEXT, _PLACE = "text", "place"
_GIVES_PLACES = {"count", "plus", "minus", "rem"}
"""Builtins whose whole numbers are always written without a fraction."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What is known of a key: its literal text, or what kind it is of."""

    literal: str | None = None
    kind: str | None = None


@dataclass(slots=True)
class _Function:
    """One function of the plan: what its locals hold, as far as they come straight out of the data."""

    plan: dict[str, Any]
    nodes: dict[int, list[Any]]
    fixed: bool
    """No rule puts other data in the place of what there is, so what the data holds says what a key is."""
    keys: dict[int, _Key] = field(default_factory=dict)
    scanned: dict[int, list[Any]] = field(default_factory=dict)
    """What is gone through, by the local that holds each key."""
    either: set[int] = field(default_factory=set)
    """Locals that hold what a rule says or, where there is none, what the data holds; it is still one path."""


def differing_lookups(plan: dict[str, Any], data: dict[str, Any]) -> list[Problem]:
    """Every lookup in a plan that may differ on this data.

    Args:
        plan: the `plan.json` of `opa build --target plan`.
        data: the base documents that go with it.
    """
    functions = functions_of(plan)
    fixed = not any(map(_replaces, functions))
    found: dict[Problem, None] = {}
    for statements in functions:
        function = _Function(plan, {_DATA: [data]}, fixed)
        found.update(dict.fromkeys(_lookups(function, statements)))
    return list(found)


def _lookups(function: _Function, statements: Iterable[Statement]) -> Iterator[Problem]:
    strings: list[dict[str, str]] = function.plan["static"].get("strings") or []
    for item in statements:
        kind, statement = item["type"], item["stmt"]
        match kind:
            case "DotStmt":
                yield from _dot(function, statement)
            case "ScanStmt":
                _scan(function, statement)
            case "EqualStmt":
                yield from _equal(function, statement)
            case "CallDynamicStmt":
                function.either.add(statement["result"])
            case "AssignVarStmt" | "AssignVarOnceStmt":
                _learn(function, statement["target"], _operand(function, statement["source"]))
                if statement["target"] in function.either:
                    function.nodes[statement["target"]] = function.nodes.get(statement["source"]["value"], [])
            case "MakeNumberIntStmt":
                _learn(function, statement["target"], _Key(str(statement["value"]), _PLACE))
            case "MakeNumberRefStmt":
                _learn(function, statement["target"], _Key(strings[statement["index"]]["value"], _PLACE))
            case "CallStmt":
                _learn(function, statement["result"], _result(function.plan, statement["func"]))
        yield from _lookups(function, inside(statement))


def _replaces(statements: Iterable[Statement]) -> bool:
    return any(
        (item["type"] == "WithStmt" and item["stmt"]["local"] == _DATA) or _replaces(inside(item["stmt"]))
        for item in statements
    )


def _dot(function: _Function, statement: dict[str, Any]) -> Iterator[Problem]:
    source = statement["source"]
    nodes = function.nodes.get(source["value"]) if source["type"] == "local" else None
    if nodes is None:
        return
    key = _operand(function, statement["key"])
    function.nodes[statement["target"]] = [child for node in nodes for child in _children(node, key)]
    yield from _differing(function, statement, nodes, key)


def _equal(function: _Function, statement: dict[str, Any]) -> Iterator[Problem]:
    # Where rules and data share a folder, a key that is known is compared with each that there is.
    for one, other in (("a", "b"), ("b", "a")):
        operand = statement[one]
        if operand["type"] == "local" and (nodes := function.scanned.get(operand["value"])):
            yield from _differing(function, statement, nodes, _operand(function, statement[other]))


def _differing(
    function: _Function, statement: dict[str, Any], nodes: list[Any], key: _Key
) -> Iterator[Problem]:
    if reason := next(filter(None, (_difference(node, key) for node in nodes)), None):
        yield problem(function.plan, statement, reason)


def _scan(function: _Function, statement: dict[str, Any]) -> None:
    nodes = function.nodes.get(statement["source"])
    if nodes is None:
        return
    function.scanned[statement["key"]] = nodes
    function.nodes[statement["value"]] = [child for node in nodes for child in _children(node, _Key())]
    if not function.fixed:
        return
    if all(isinstance(node, dict) for node in nodes):
        _learn(function, statement["key"], _Key(kind=_TEXT))
    elif all(isinstance(node, list) for node in nodes):
        _learn(function, statement["key"], _Key(kind=_PLACE))


def _learn(function: _Function, local: int, key: _Key) -> None:
    # What two branches put into one local is known only where they agree.
    function.keys[local] = key if function.keys.get(local, key) == key else _Key()


def _operand(function: _Function, operand: dict[str, Any]) -> _Key:
    match operand["type"]:
        case "local":
            local = operand["value"]
            if local in function.nodes and local not in function.either:
                return _any_of(function.nodes[local]) if function.fixed else _Key()
            return function.keys.get(local, _Key())
        case "string_index":
            return _Key(function.plan["static"]["strings"][operand["value"]]["value"], _TEXT)
    return _Key("true" if operand["value"] else "false", "boolean")


def _any_of(values: list[Any]) -> _Key:
    if all(type(value) is str for value in values):
        return _Key(kind=_TEXT)
    return _Key(kind=_PLACE if all(type(value) is int for value in values) else None)


def _result(plan: dict[str, Any], name: str) -> _Key:
    if name in _GIVES_PLACES:
        return _Key(kind=_PLACE)
    builtins = plan["static"].get("builtin_funcs") or ()
    texts = {item["name"] for item in builtins if item["decl"].get("result", {}).get("type") == "string"}
    return _Key(kind=_TEXT if name in texts else None)


def _children(node: Any, key: _Key) -> Iterator[Any]:
    if isinstance(node, dict):
        if key.literal is None:
            yield from node.values()
        elif key.literal in node:
            yield node[key.literal]
    elif isinstance(node, list):
        if key.literal is None:
            yield from node
        elif (place := _place(key.literal)) is not None and place < len(node):
            yield node[place]


def _place(text: str) -> int | None:
    match = _INDEX.fullmatch(text)
    return int(match[1]) if match else None


def _difference(node: Any, key: _Key) -> str | None:
    if isinstance(node, dict):
        return None if key.kind in (_TEXT, "boolean") else _of_object(node, key.literal)
    if isinstance(node, list) and node and key.kind != "boolean":
        return _of_array(node, key)
    return None


def _of_object(node: dict[str, Any], literal: str | None) -> str | None:
    if literal is not None:
        if literal not in node:
            return None
        return f'the number {literal} finds the key "{literal}" of data in OPA and nothing here; write ["{literal}"]'
    number = next(filter(_NUMBER.fullmatch, node), None)
    if number is None:
        return None
    return (
        f'a key that is a number finds one such as "{number}" of data in OPA and nothing here; make text of it, as in '
        f'`[sprintf("%v", [key])]`, or {_VARIABLE}'
    )


def _of_array(node: list[Any], key: _Key) -> str | None:
    if key.literal is not None:
        place = _place(key.literal)
        if place is None or place >= len(node) or (key.kind == _PLACE and key.literal == str(place)):
            return None
        return f"{key.literal!r} finds an element of data in OPA and nothing here; write [{place}]"
    if key.kind == _PLACE:
        return None
    return f'a key that is text, such as "0", finds an element of data in OPA and nothing here; {_VARIABLE}'


_VARIABLE = (
    "give the data a name first: `values := data.…`, then `values[key]`, which tells numbers from text"
)
