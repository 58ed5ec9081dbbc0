"""The schema of a workflow's answer: checked when declared, in a normal form that stands still.

A schema is a pydantic model or JSON Schema, draft 2020-12. Its normal form has no titles and no comments,
which say nothing of their own; descriptions stay, because the model reads them and they steer what it
answers, as the prompt does.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from decimal import localcontext
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pydantic import BaseModel
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from licet.audit.canonical import Json, canonical
from licet.runtime.contract import Fault, Place, closest
from licet.runtime.decimals import measured
from licet.runtime.patterns import regex, searches

# jsonschema takes a tenth of the time that importing Licet takes, and only a workflow with a schema needs it.
if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError
    from jsonschema.protocols import Validator

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEPTH_LIMIT = 50

Output: TypeAlias = type[BaseModel] | Mapping[str, Any] | None
"""What a workflow declares: a pydantic model, a JSON Schema, or None for free text."""

_SCHEMAS_BY_NAME = {"$defs", "properties", "dependentSchemas"}
_SCHEMAS_IN_ORDER = {"allOf", "anyOf", "oneOf", "prefixItems"}
_SCHEMA = {
    "additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
    "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_VALUES = {
    "$comment", "$ref", "$schema", "const", "contentEncoding", "contentMediaType", "default",
    "dependentRequired",
    "deprecated", "description", "discriminator", "enum", "examples", "exclusiveMaximum", "exclusiveMinimum",
    "format", "maxContains", "maxItems", "maxLength", "maxProperties", "maximum", "minContains", "minItems",
    "minLength", "minProperties", "minimum", "multipleOf", "pattern", "readOnly", "required", "title", "type",
    "uniqueItems", "writeOnly",
}  # fmt: skip
_KEYWORDS = _SCHEMAS_BY_NAME | _SCHEMAS_IN_ORDER | _SCHEMA | _VALUES
_UNREAD = {"title", "$comment", "$schema"}


class _Generator(GenerateJsonSchema):
    """pydantic's own, with a Decimal's form held still (its pattern changes from version to version)."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        form: JsonSchemaValue = {"type": "number"}
        self.update_with_validations(form, schema, self.ValidationsMapping.numeric)
        return {"anyOf": [form, {"type": "string", "format": "decimal"}]}


def declared(value: object) -> Output:
    """`value`, when it can be a workflow's output; a JSON Schema is copied.

    Raises:
        ValueError: it is neither a model nor a JSON Schema that can be checked here, with every reason.
    """
    if value is None:
        return None
    if isinstance(value, type) and issubclass(value, BaseModel):
        normal_form(value)
        return value
    if not isinstance(value, Mapping):
        raise ValueError("must be a pydantic model, a JSON Schema or nothing")
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    schema = copy.deepcopy(dict(value))
    faults = list(_faults(schema, schema, ()))
    if not faults:
        try:
            canonical(schema)
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            place = tuple(error.absolute_path)
            faults.append(Fault(place, f"is not JSON Schema, draft 2020-12: {explain(error)}"))
        except (ValueError, RecursionError) as error:
            faults.append(
                Fault((), f"is not JSON: {error}" if isinstance(error, ValueError) else "is too deep")
            )
    if faults:
        raise ValueError("; ".join(str(fault) for fault in faults))
    return schema


def _faults(root: dict[str, Any], schema: object, place: Place) -> Iterator[Fault]:
    if len(place) > 2 * DEPTH_LIMIT:
        yield Fault(place[:3], f"is nested deeper than {DEPTH_LIMIT} schemas")
        return
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        yield Fault(place, "must be a schema")
        return
    for keyword, value in schema.items():
        here = (*place, keyword)
        if not isinstance(keyword, str):
            yield Fault(place, "a keyword must be text")
        elif keyword in _SCHEMAS_BY_NAME and isinstance(value, dict):
            for name, part in value.items():
                yield from _faults(root, part, (*here, str(name)))
        elif keyword in _SCHEMAS_IN_ORDER and isinstance(value, list):
            for position, part in enumerate(value):
                yield from _faults(root, part, (*here, position))
        elif keyword in _SCHEMA:
            yield from _faults(root, value, here)
        elif keyword not in _KEYWORDS and not keyword.startswith("x-"):
            yield Fault(here, f"unknown keyword `{keyword}`" + closest(keyword, _KEYWORDS))
        elif keyword == "$schema" and str(value).rstrip("#") != DIALECT:
            yield Fault(here, f"only {DIALECT} is read here")
        elif keyword == "$ref" and not _resolves(root, value):
            yield Fault(here, "must lead to a place in this schema, such as `#/$defs/Item`")
        elif keyword == "pattern" and isinstance(value, str):
            try:
                regex(value)
            except ValueError as error:
                yield Fault(here, str(error))


def _resolves(root: dict[str, Any], ref: object) -> bool:
    if ref == "#":
        return True
    if not isinstance(ref, str) or not ref.startswith("#/"):
        return False
    at: Any = root
    for token in ref[2:].split("/"):
        at = at.get(token.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    return isinstance(at, dict | bool)


def normal_form(output: Output) -> dict[str, Any] | None:
    """The JSON Schema of `output` in normal form, or None for free text.

    Raises:
        ValueError: the model has a field that JSON Schema has no word for.
    """
    if output is None:
        return None
    if isinstance(output, Mapping):
        schema: dict[str, Any] = dict(output)
    else:
        try:
            schema = output.model_json_schema(schema_generator=_Generator)
        except PydanticUserError as error:
            raise ValueError(f"has no JSON Schema: {error.message.splitlines()[0]}") from None
    form = _without_unread(schema)
    assert isinstance(form, dict)
    return form


def _without_unread(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    form: dict[str, Any] = {}
    for keyword, value in schema.items():
        if keyword in _UNREAD:
            continue
        if keyword in _SCHEMAS_BY_NAME and isinstance(value, dict):
            value = {name: _without_unread(part) for name, part in value.items()}
        elif keyword in _SCHEMAS_IN_ORDER and isinstance(value, list):
            value = [_without_unread(part) for part in value]
        elif keyword in _SCHEMA:
            value = _without_unread(value)
        else:
            value = copy.deepcopy(value)
        form[keyword] = value
    return form


@cache
def _validator() -> type[Validator]:
    """Draft 2020-12, but patterns run in linear time, and 0.29 is a multiple of 0.01."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError
    from jsonschema.validators import extend

    def pattern(
        validator: Validator, pattern: str, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        if isinstance(instance, str) and not searches(pattern, instance):
            yield ValidationError("does not match")

    def multiple_of(
        validator: Validator, factor: object, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        number, step = measured(instance), measured(factor)
        if number is not None and step is not None:
            with localcontext(prec=1000):
                if number % step:
                    yield ValidationError("is no multiple")

    extended: type[Validator] = extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"pattern": pattern, "multipleOf": multiple_of}
    )
    return extended


def checker(schema: Mapping[str, Any]) -> Validator:
    """What validates an answer against `schema`. It fetches nothing."""
    from referencing import Registry

    return _validator()(dict(schema), registry=Registry())


def explain(error: ValidationError | SchemaError) -> str:
    """What a value must be, in words that do not quote it."""
    keyword, wanted = str(error.validator), cast(Any, error.validator_value)
    if keyword == "type":
        return "must be of type " + (" or ".join(wanted) if isinstance(wanted, list) else str(wanted))
    if keyword == "required":
        have = error.instance if isinstance(error.instance, dict) else {}
        return "must have " + ", ".join(name for name in wanted if name not in have)
    if (
        keyword == "additionalProperties"
        and isinstance(error.schema, dict)
        and isinstance(error.instance, dict)
    ):
        known = error.schema.get("properties", {})
        return "; ".join(
            f"unknown field `{str(name)[:100]}`" + closest(str(name)[:100], known)
            for name in sorted(error.instance.keys() - known.keys())[:5]
        )
    if keyword in ("anyOf", "oneOf"):
        return (
            "fits none of the alternatives"
            if keyword == "anyOf"
            else "must fit one alternative, and one alone"
        )
    if keyword in ("enum", "const", "format", "pattern") or keyword.startswith(
        ("max", "min", "exclusive", "multiple")
    ):
        return f"must satisfy {keyword}: {_shown(wanted)}"
    return f"does not satisfy `{keyword}`"


def _shown(value: Json) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 200 else text[:200] + "..."
