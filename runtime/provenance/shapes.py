"""Which names in an argument its schema declares; every other one is whatever the writer of the call made it."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


class Shapes:
    """The schema of a tool's arguments (JSON Schema 2020-12, as pydantic writes it), looked into place by place.

    A place has as many schemas as there are members in its union.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._definitions: dict[str, Schema] = root.get("$defs", {})

    def of(self, parameter: str) -> list[Schema]:
        """The schemas of a whole argument."""
        return self._members(self._root.get("properties", {}).get(parameter))

    def declare(self, schemas: list[Schema], name: str) -> bool:
        """Whether one of them has a field of this name."""
        return any(name in schema.get("properties", ()) for schema in schemas)

    def below(self, schemas: list[Schema], name: str) -> list[Schema]:
        """The schemas of what stands under a name."""
        found: list[Schema] = []
        for schema in schemas:
            fields = schema.get("properties", {})
            found += self._members(fields[name] if name in fields else schema.get("additionalProperties"))
            for inside in schema.get("patternProperties", {}).values():
                found += self._members(inside)
        return found

    def at(self, schemas: list[Schema], index: int) -> list[Schema]:
        """The schemas of what stands at a position in a list."""
        found: list[Schema] = []
        for schema in schemas:
            first = schema.get("prefixItems", ())
            found += self._members(first[index] if index < len(first) else schema.get("items"))
        return found

    def _members(self, schema: Any) -> list[Schema]:
        found: list[Schema] = []
        waiting, seen = [schema], set[str]()
        while waiting:
            item = waiting.pop()
            if not isinstance(item, dict):
                continue
            found.append(item)
            for union in ("anyOf", "oneOf", "allOf"):
                waiting += item.get(union, ())
            name = str(item.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in seen:
                seen.add(name)
                waiting.append(self._definitions.get(name))
        return found
