"""Whether a bound can fit a parameter: asked once, when a workflow meets its tools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from licet.runtime.contract import closest
from licet.runtime.decimals import exact, same
from licet.runtime.narrowing import Bound, Path, Scalar
from licet.tools import Tool

Schema = Mapping[str, Any]

_DEPTH_LIMIT = 50


def misfit(tool: Tool, path: Path, bound: Bound) -> str | None:
    """Why `bound` can't bound what `path` leads to in the tool's arguments, or None when it can.

    It reads the JSON Schema that the model is shown. Where that leaves the type open, any bound fits.
    """
    if path[0] not in tool.parameters:
        return f"{tool.name} has no parameter `{path[0]}`" + closest(path[0], tool.parameters)
    root = tool.json_schema
    alternatives = list(_alternatives(root, root.get("properties", {}).get(path[0], {})))
    for position, name in enumerate(path[1:], start=1):
        inner = list(_inside(root, alternatives, name))
        if not inner:
            known = {key for part in _objects(root, alternatives) for key in part.get("properties", {})}
            return f"`{'.'.join(path[:position])}` of {tool.name} has no field `{name}`" + closest(
                name, known
            )
        alternatives = inner
    if any(_is_open(part) for part in alternatives):
        return None
    coded = len(path) == 1 and tool.parameters[path[0]].string_coded
    leaves = [*alternatives, *_elements(root, alternatives)]
    types = {kind for part in leaves for kind in _types(part)}
    shown = "a whole number" if coded else " or ".join(sorted(types))
    if (bound.at_least is not None or bound.at_most is not None) and not (_numeric(types) or coded):
        return f"is a bound on a number, and {'.'.join(path)} of {tool.name} is {shown}"
    if bound.matches is not None and ("string" not in types or coded):
        return f"is a regular expression on text, and {'.'.join(path)} of {tool.name} is {shown}"
    for value in bound.named():
        if value is None:
            continue
        if not _carries(types, value, coded):
            return f"names a value of another type than {'.'.join(path)} of {tool.name}, which is {shown}"
        known_values = _listed(leaves)
        if known_values is not None and not any(same(value, known) for known in known_values):
            return f"names a value that {'.'.join(path)} of {tool.name} can't have"
    return None


def _listed(leaves: list[Schema]) -> list[Any] | None:
    """Every value there is, when the schema lists them; None when it leaves some open."""
    values: list[Any] = []
    for part in leaves:
        if "enum" in part or "const" in part:
            values += part.get("enum", [part.get("const")])
        elif not _types(part) <= {"null", "array"}:
            return None
    return values


def _alternatives(root: Schema, schema: Any, depth: int = 0) -> Iterator[Schema]:
    """The schemas that a value may fit, references and unions followed."""
    if not isinstance(schema, Mapping) or depth > _DEPTH_LIMIT:
        yield {}
        return
    ref = schema.get("$ref")
    if isinstance(ref, str):
        at: Any = root
        for token in ref.removeprefix("#/").split("/"):
            at = at.get(token.replace("~1", "/").replace("~0", "~"), {}) if isinstance(at, Mapping) else {}
        yield from _alternatives(root, at, depth + 1)
        return
    parts = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if not parts:
        yield schema
    for part in parts:
        yield from _alternatives(root, part, depth + 1)


def _elements(root: Schema, alternatives: list[Schema]) -> list[Schema]:
    """What the lists among the alternatives hold, lists in lists included."""
    found: list[Schema] = []
    waiting = alternatives
    for _ in range(_DEPTH_LIMIT):
        waiting = [
            inner
            for part in waiting
            if part.get("type") == "array"
            for item in (part.get("items", {}), *part.get("prefixItems", ()))
            if item is not False
            for inner in _alternatives(root, item)
        ]
        if not waiting:
            break
        found += waiting
    return found


def _objects(root: Schema, alternatives: list[Schema]) -> list[Schema]:
    return [part for part in (*alternatives, *_elements(root, alternatives)) if part.get("type") == "object"]


def _inside(root: Schema, alternatives: list[Schema], name: str) -> Iterator[Schema]:
    for part in (*alternatives, *_elements(root, alternatives)):
        if _is_open(part):
            yield {}
        elif part.get("type") == "object":
            if name in part.get("properties", {}):
                yield from _alternatives(root, part["properties"][name])
            elif part.get("additionalProperties", "properties" not in part) is not False:
                yield from _alternatives(root, part.get("additionalProperties", {}))


def _is_open(schema: Schema) -> bool:
    return not {"type", "enum", "const"} & schema.keys()


def _types(schema: Schema) -> set[str]:
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return set(kind)
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return {_type_of(value) for value in values}


def _type_of(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _numeric(types: set[str]) -> bool:
    return bool(types & {"number", "integer"})


def _carries(types: set[str], value: Scalar, coded: bool) -> bool:
    numeric = _numeric(types) or coded
    if isinstance(value, bool):
        return "boolean" in types
    if isinstance(value, str):
        if "string" in types and not coded:
            return True
        try:
            exact(value)
        except ValueError:
            return False
        return numeric
    return numeric
