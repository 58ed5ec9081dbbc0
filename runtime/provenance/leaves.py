"""The scalar values among a call's arguments, and what their author declared them to be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from licet.runtime.provenance.shapes import Schema, Shapes
from licet.tools import FieldRole, Parameter, Tool


class Leaf(NamedTuple):
    """One scalar among the arguments, or a name in a mapping, which whoever wrote the call chose as they did a value.

    Attributes:
        pointer: where it stands, a JSON Pointer (RFC 6901). That of a name ends in `/~name`, which is no step of any
            pointer, so that it is never another value's.
        name: the parameter it belongs to, or the field inside it; positions in a list left out.
        top: the parameter itself is this value.
    """

    pointer: str
    name: str
    value: Any
    declared: Parameter | FieldRole
    top: bool


def leaves(tool: Tool, plain: dict[str, Any]) -> Iterator[Leaf]:
    """Every scalar in the arguments, and every name that no schema declares; an empty list or object has none."""
    for name, value in plain.items():
        parameter = tool.parameters.get(name) or UNKNOWN
        kind = type(value)
        if kind is not dict and kind is not list:
            yield Leaf(f"/{escape(name)}", name, value, parameter, True)
            continue
        shapes = Shapes(tool.json_schema)
        for path, pointer, item, is_name in _inside(value, (), f"/{escape(name)}", shapes, shapes.of(name)):
            field = next((step for step in reversed(path) if not step.isdigit()), name)
            role = declared(parameter, path)
            if is_name and role.role not in _SAID_OF_NAMES:
                role = UNKNOWN
            yield Leaf(pointer, field, item, role, False)


UNKNOWN = FieldRole("target")
"""What a value is for when nobody says so."""

_SAID_OF_NAMES = ("target", "content", "headline")
"""The roles of a mapping that its names have too. An amount's name, say, is no amount: it tells whose it is."""


def declared(parameter: Parameter | FieldRole, path: tuple[str, ...]) -> Parameter | FieldRole:
    """The role declared for a place inside an argument, or for the nearest one above it."""
    if isinstance(parameter, FieldRole) or not parameter.nested:
        return parameter
    for length in range(len(path), 0, -1):
        for pattern, role in parameter.nested.items():
            steps = pattern.split("/")
            if len(steps) == length and all(
                step in ("*", part) for step, part in zip(steps, path, strict=False)
            ):
                return role
    return parameter


def _inside(
    value: Any, path: tuple[str, ...], pointer: str, shapes: Shapes, here: list[Schema]
) -> Iterator[tuple[tuple[str, ...], str, Any, bool]]:
    if isinstance(value, dict):
        for key, item in value.items():
            below = f"{pointer}/{escape(key)}"
            if not shapes.declare(here, key):
                yield path, f"{below}/~name", key, True
            yield from _inside(item, (*path, key), below, shapes, shapes.below(here, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(
                item, (*path, str(index)), f"{pointer}/{index}", shapes, shapes.at(here, index)
            )
    else:
        yield path, pointer, value, False


def escape(token: str) -> str:
    """One step of a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")
