"""pydantic's schemas, made strict: exact decimals, no unknown names, no numbers for dates; and JSON Schema of
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind
from pydantic_core import CoreSchema, PydanticCustomError, SchemaValidator, core_schema

from licet.tools.exact_numbers import to_decimal

_NOT_SCHEMAS = frozenset(
    {"default", "metadata", "expected", "members", "serialization", "config", "cls", "function"}
)
_BY_NAME = frozenset({"fields", "choices"})
_RECORDS = frozenset({"model", "dataclass", "typed-dict"})
_REFUSED = {
    "any": None,
    "callable": "a function cannot be written as JSON",
    "generator": "a generator is read only once: write list[...]",
    "is-instance": "its values cannot be read from JSON: write a pydantic model or a dataclass",
    "is-subclass": "a class cannot be written as JSON",
}


class Unserialisable(Exception):
    """A type that a call cannot carry. The message says what to write instead."""


def strict_schema(schema: CoreSchema) -> Any:
    """A core schema that takes exactly what is written.

    - a Decimal is the number in the text (`licet.tools.exact_numbers`);
    - an object with a name its model does not know is refused, unless the model itself says otherwise;
    - a date or time is text in ISO 8601, never a count of seconds.

    Raises:
        Unserialisable: the schema holds a type that JSON cannot carry.
    """
    rewritten: Any = _rewrite(schema)
    return rewritten


def strict_validator(schema: CoreSchema) -> SchemaValidator:
    """A validator of the schema as it stands here; that of a nested model's own class would not be strict."""
    return SchemaValidator(schema, _use_prebuilt=False)


def _rewrite(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_rewrite(item) for item in node)
    if not isinstance(node, dict):
        return node
    made = {}
    for key, value in node.items():
        if key in _NOT_SCHEMAS:
            made[key] = value
        elif key in _BY_NAME and isinstance(value, dict):
            made[key] = {name: _rewrite(item) for name, item in value.items()}
        else:
            made[key] = _rewrite(value)
    kind = node.get("type")
    if (why := _REFUSED.get(kind or "")) is not None:
        raise Unserialisable(why)
    if kind == "decimal":
        return _before(to_decimal, made)
    if kind in _MOMENTS:
        return _before(_MOMENTS[kind], made)
    if kind in _RECORDS:
        if node.get("custom_init"):
            name = node["cls"].__name__
            raise Unserialisable(
                f"{name} has an __init__ of its own, which would run before the check: remove it"
            )
        made["config"] = {"extra_fields_behavior": "forbid", **(node.get("config") or {})}
        if kind == "typed-dict":
            made.setdefault("extra_behavior", made["config"]["extra_fields_behavior"])
    return made


def _before(function: Callable[[Any], Any], schema: Any) -> Any:
    ref = schema.pop("ref", None)
    return core_schema.no_info_before_validator_function(function, schema, ref=ref)


_COUNT = re.compile(r"\s*[-+]?[0-9]*\.?[0-9]*\s*")


def _moment(schema: CoreSchema) -> Callable[[Any], Any]:
    """Reads a date or time from text, as pydantic does, but for text that counts seconds."""
    validator = SchemaValidator(schema)

    def read(value: object) -> object:
        if not isinstance(value, str):
            return value
        if _COUNT.fullmatch(value):
            raise PydanticCustomError(
                "licet_iso_8601",
                "should be written as in ISO 8601, such as 2026-01-31 or 2026-01-31T09:30:00Z",
            )
        # Once a function has had it, the value is no longer JSON to pydantic, and text no date.
        return validator.validate_json(orjson.dumps(value), strict=True)

    return read


_MOMENTS = {
    "date": _moment(core_schema.date_schema()),
    "datetime": _moment(core_schema.datetime_schema()),
    "time": _moment(core_schema.time_schema()),
}


class ShownSchema(GenerateJsonSchema):
    """JSON Schema (2020-12) for a model to read: a Decimal is simply a number."""

    ignored_warning_kinds: ClassVar[set[JsonSchemaWarningKind]] = {  # type: ignore[misc]
        "skipped-choice",
        "non-serializable-default",
        "skipped-discriminator",
    }

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never: a title that repeats the name only costs tokens."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> dict[str, Any]:
        """The model's own schema, closed where `strict_schema` has closed it."""
        return self._closed(schema, super().model_schema(schema))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> dict[str, Any]:
        """The dataclass's own schema, closed where `strict_schema` has closed it."""
        return self._closed(schema, super().dataclass_schema(schema))

    def _closed(self, schema: Any, made: dict[str, Any]) -> dict[str, Any]:
        if (schema.get("config") or {}).get("extra_fields_behavior") == "forbid" and "properties" in made:
            made.setdefault("additionalProperties", False)
        return made

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        """A number, with its bounds."""
        bounds = {key: schema.get(key) for key in ("multiple_of", "le", "ge", "lt", "gt")}
        return self.float_schema(
            core_schema.float_schema(**{k: float(v) for k, v in bounds.items() if v is not None})  # type: ignore[arg-type]
        )


class ContractSchema(ShownSchema):
    """JSON Schema for the contract hash: says more than a model needs, in words that are ours."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> dict[str, Any]:
        """A number marked as exact, with every limit on it."""
        limits = {
            key: str(value)
            for key in ("multiple_of", "le", "ge", "lt", "gt", "max_digits", "decimal_places")
            if (value := schema.get(key)) is not None
        }
        return {"type": "number", "format": "decimal", **limits}


def json_schema(
    schema: CoreSchema, mode: JsonSchemaMode, generator: type[GenerateJsonSchema] = ShownSchema
) -> dict[str, Any]:
    """JSON Schema of a core schema.

    Raises:
        pydantic.errors.PydanticInvalidForJsonSchema: it holds a type that JSON cannot carry.
    """
    return generator(by_alias=True).generate(schema, mode=mode)
