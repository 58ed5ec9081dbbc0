"""pydantic's errors as faults that may be shown: JSON paths, plain words, and never the value itself."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Any, get_args

from pydantic_core import ErrorDetails, ValidationError
from pydantic_core.core_schema import ErrorType

from licet.tools.errors import FieldError
from licet.tools.exact_numbers import MAX_SAFE_INTEGER, TAG
from licet.tools.plain_values import Path, show_path

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_QUOTING = frozenset(
    {
        "assertion_error",
        "bytes_invalid_encoding",
        "get_attribute_error",
        "iteration_error",
        "json_invalid",
        "mapping_type",
        "no_such_attribute",
        "value_error",
    }
)
"""Their messages hold other people's words, which may quote the value."""
_OURS = {
    "uuid_parsing": "should be a valid UUID",
    "url_parsing": "should be a valid URL",
    "url_syntax_violation": "should be a valid URL",
    "union_tag_not_found": "lacks the field that says which kind it is",
}
_KNOWN = frozenset(get_args(ErrorType)) - _QUOTING
_BEYOND = f"is an integer beyond {MAX_SAFE_INTEGER}, which is not taken here"
REFUSED = "is refused by the tool's own check"
"""Of a value that a validator of the tool's author refuses: its own words may quote the value."""


def faults_of(error: ValidationError, tree: Any, schema: dict[str, Any]) -> list[FieldError]:
    """One fault per place that is wrong.

    Args:
        error: what the validator said.
        tree: the plain values it was given.
        schema: JSON Schema of the arguments, to know the names there are.
    """
    unknown: dict[Path, str] = {}
    others: dict[Path, list[str]] = {}
    missing: set[Path] = set()
    for detail in error.errors(include_url=False, include_input=False):
        kind = detail["type"]
        if kind in _UNKNOWN or kind in _MISSING:
            path = (*_json_path(detail["loc"][:-1], tree), detail["loc"][-1])
            if kind in _MISSING:
                missing.add(path)
            else:
                unknown[path] = ""
        else:
            path = _json_path(detail["loc"], tree)
            message = _message(detail, value_at(tree, path))
            if message not in others.setdefault(path, []):
                others[path].append(message)
    faults = []
    for path in unknown:
        names = known_names(schema, path[:-1])
        closest = _closest(str(path[-1]), names)
        if closest:
            missing.discard((*path[:-1], closest))
            faults.append(FieldError(show_path(path), f"is not known; did you mean {closest}?"))
        else:
            there = f"; known are {', '.join(sorted(names))}" if names else ""
            faults.append(FieldError(show_path(path), f"is not known{there}"))
    faults += [FieldError(show_path(path), "is missing") for path in sorted(missing, key=str)]
    faults += [FieldError(show_path(path), ", or ".join(messages)) for path, messages in others.items()]
    return faults


def known_names(schema: dict[str, Any], path: Path) -> set[str]:
    """The names that the object at `path` may have."""
    nodes = _resolved(schema, schema)
    for step in path:
        nodes = [
            inner for node in nodes for below in _below(node, step) for inner in _resolved(below, schema)
        ]
    return {name for node in nodes for name in node.get("properties", {})}


def _below(node: dict[str, Any], step: str | int) -> list[dict[str, Any]]:
    found = [node.get("properties", {}).get(step)] if isinstance(step, str) else [node.get("items")]
    if isinstance(step, int):
        found += [item for index, item in enumerate(node.get("prefixItems", [])) if index == step]
    elif found == [None]:
        found = [node.get("additionalProperties")]
    return [item for item in found if isinstance(item, dict)]


def _resolved(node: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> list[dict[str, Any]]:
    if depth > 16:
        return []
    if "$ref" in node:
        return _resolved(schema.get("$defs", {}).get(node["$ref"].rsplit("/", 1)[-1], {}), schema, depth + 1)
    choices = [*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
    return [node, *(found for choice in choices for found in _resolved(choice, schema, depth + 1))]


def _closest(name: str, names: set[str]) -> str | None:
    snake = re.sub(r"[\s\-.]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:128])).lower()
    by_form = {known.lower(): known for known in names} | {
        known.replace("_", "").lower(): known for known in names
    }
    for form in (snake, snake.replace("_", "")):
        if form in by_form:
            return by_form[form]
    return next(iter(get_close_matches(snake, sorted(names), n=1, cutoff=0.7)), None)


def _json_path(location: tuple[int | str, ...], tree: Any) -> Path:
    """The steps of pydantic's location that are steps in the JSON; the rest names a union's branch or a
    validator.
    """
    path: list[str | int] = []
    node = tree
    for step in location:
        named = isinstance(node, dict) and isinstance(step, str) and step in node
        numbered = isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node)
        if named or numbered:
            node = value_at(node, (step,))
            path.append(step)
    return tuple(path)


def value_at(tree: Any, path: Path) -> Any:
    """What stands at `path`."""
    for step in path:
        tree = tree[step]
    return tree


def _message(detail: ErrorDetails, value: Any) -> str:
    kind = detail["type"]
    if isinstance(value, str) and value.startswith(TAG) and not kind.startswith("licet_decimal"):
        return too_exact(value)
    if kind.startswith("int_") and isinstance(value, float) and abs(value) > MAX_SAFE_INTEGER:
        return _BEYOND
    if kind in _OURS:
        return _OURS[kind]
    if kind == "union_tag_invalid":
        kinds = detail.get("ctx", {}).get("expected_tags", "the kinds there are")
        return f"should be one of {kinds} in the field that says which kind it is"
    if kind.startswith("licet_") or kind in _KNOWN:
        return detail["msg"].removeprefix("Input ").removeprefix("Value ")
    return REFUSED


def too_exact(value: str) -> str:
    """What to say of a number that a double does not hold, where only such numbers are taken."""
    if value.removeprefix(TAG).lstrip("-").isdigit():
        return _BEYOND
    return "is a number of more digits than a double-precision float holds, which is not taken here"
