"""What JSON Schema says of a part of a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from licet.policies.syntax import Node

FREE: Node = {}
"""The schema of what may be anything."""


def not_null(schema: Any) -> tuple[Node, bool]:
    """A schema without null, and whether null was in it."""
    several = schema.get("anyOf") if isinstance(schema, Mapping) else None
    if not several:
        return (schema if isinstance(schema, Mapping) else FREE), False
    other = [one for one in several if one.get("type") != "null"]
    return (other[0] if len(other) == 1 else FREE), len(other) < len(several)


def items(schema: Node) -> Node:
    """What is said of each element, or of each value of an object whose keys are free."""
    schema, _ = not_null(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            return schema[key]  # type: ignore[no-any-return]
    return FREE


def without(schema: Node, names: frozenset[str]) -> Node:
    """The schema of an object that never has these fields."""
    return {
        **schema,
        "properties": {key: value for key, value in schema["properties"].items() if key not in names},
        "required": [name for name in schema["required"] if name not in names],
    }
