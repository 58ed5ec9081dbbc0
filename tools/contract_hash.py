"""The contract of a tool in a normal form of our own, and its hash.

A hash must not move when pydantic words a schema in another way, when a description is improved or when keys
change their order. So titles, descriptions and examples go, named definitions are put in where they are used,
and what is a set is sorted.
"""

from __future__ import annotations

from typing import Any

from licet.audit.canonical import Json, canonical, digest

FORMAT = 1
"""Raised when the normal form itself changes; every contract hash changes with it."""

_WORDS = frozenset(
    {"title", "description", "examples", "example", "deprecated", "$comment", "$defs", "$schema"}
)
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas"})
_CHOICES = frozenset({"anyOf", "oneOf", "allOf"})
_SETS = frozenset({"required", "enum", "type"})
_DATA = frozenset({"const", "default", "dependentRequired"})


def contract_hash(contract: dict[str, Json]) -> str:
    """SHA-256, in hexadecimal, over the canonical JSON (RFC 8785) of a contract in normal form."""
    return digest({"format": FORMAT, **contract})


def normal_schema(schema: dict[str, Any]) -> Json:
    """A JSON Schema in normal form.

    A definition that refers to itself ends in `{"recursive": n}`: the n-th definition outwards, 0 the
    innermost.
    """
    normal: Json = _normal(schema, schema.get("$defs", {}), ())
    return normal


def _normal(node: Any, definitions: dict[str, Any], inside: tuple[str, ...]) -> Any:
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        name = node["$ref"].rsplit("/", 1)[-1]
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if name in inside:
            target: Any = {"recursive": inside[::-1].index(name)}
        else:
            target = _normal(definitions[name], definitions, (*inside, name))
        return {**target, **_normal(beside, definitions, inside)}
    made: dict[str, Any] = {}
    for key, value in node.items():
        if key in _WORDS or (key == "additionalProperties" and value is True):
            continue
        if key in _DATA:
            made[key] = _exact(value)
        elif key in _BY_NAME:
            made[key] = {name: _normal(item, definitions, inside) for name, item in value.items()}
        elif key == "discriminator":
            made[key] = {"propertyName": value["propertyName"]}
        elif key in _SETS and isinstance(value, list):
            made[key] = _sorted(_exact(value))
        elif key in _CHOICES:
            made[key] = _sorted([_normal(item, definitions, inside) for item in value])
        elif isinstance(value, list):
            made[key] = [_normal(item, definitions, inside) for item in value]
        else:
            made[key] = _normal(_exact(value), definitions, inside)
    if "const" in made and "enum" not in made:
        made["enum"] = [made.pop("const")]
    else:
        made.pop("const", None)
    if not made.get("required", True):
        del made["required"]
    return made


def _sorted(items: list[Any]) -> list[Any]:
    return sorted(items, key=canonical)


def _exact(value: Any) -> Any:
    """Limits such as 1.0 and 1 are one number; an integer that JSON readers would round is text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return str(value)
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return value
