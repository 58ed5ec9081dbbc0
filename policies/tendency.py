"""What becomes of a condition or a value as something in it becomes smaller.

Where a field is missing, a set or a sum that is made of it has less in it, and nothing is undefined. Whether that makes
a condition hold or fail is told by the operator: `count(violations) == 0` holds of less. False is less than true.
"""

from __future__ import annotations

from licet.policies.syntax import Node

Wish = tuple[str, str] | None
"""The constant, neither empty nor true or false, that something is compared with."""

_AGAINST = {
    "lt": (True, False), "lte": (True, False), "gt": (False, True), "gte": (False, True),
    "minus": (False, True), "div": (False, True), "object.subset": (False, True),
}  # fmt: skip

_KEEPING = frozenset({
    "object.filter", "object.remove", "json.filter", "json.remove",
})  # fmt: skip
"""Builtins that give the object that is their first argument, with less in it."""


def against(name: str, arguments: list[Node], place: int) -> bool:
    """Whether what a builtin gives grows, or comes to hold, as the argument at this place becomes smaller."""
    argument = arguments[place]
    if name in ("equal", "eq") and len(arguments) == 2:
        return _empty(arguments[1 - place])
    if name == "neq" and len(arguments) == 2:
        return wished(arguments[1 - place]) is not None
    if name == "min":  # of fewer elements the least is greater, but not of fewer in one that is written out
        return argument["type"] not in ("array", "set")
    found = _AGAINST.get(name, ())
    return place < len(found) and found[place]


def wished(term: Node) -> Wish:
    """What a comparison with this term wishes for; None when it is no such constant."""
    if term["type"] in ("string", "number", "null") and not _empty(term):
        return term["type"], str(term["value"])
    return None


def verdict(head: Node, wish: Wish) -> bool | None:
    """Whether the value in a head is what is wished for, or true where nothing is; None when that is not known."""
    value = head.get("value") or {"type": "boolean", "value": True}
    if wish is not None:
        return wished(value) == wish if value["type"] in ("string", "number", "boolean", "null") else None
    return bool(value["value"]) if value["type"] == "boolean" else None


def keeps(name: str) -> bool:
    """Whether a builtin gives what its first argument is, with less in it."""
    return name in _KEEPING


def _empty(term: Node) -> bool:
    if term["type"] in ("array", "set", "object", "string"):
        return not term["value"]
    return term["type"] in ("number", "boolean") and not term["value"]
