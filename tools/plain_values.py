"""Python values as plain JSON values: for the canonical form, for policy, and as the JSON text that
validation reads.

The fields of a model are all taken, also those with `exclude=True`, and no serialiser of the model's own is
asked: policy and reviewers must see what the function gets.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from pydantic import AliasChoices, BaseModel, RootModel, SecretBytes, SecretStr
from pydantic.types import Secret
from pydantic_core import PydanticSerializationError, to_jsonable_python

from licet.audit.canonical import canonical
from licet.tools.errors import FieldError
from licet.tools.exact_numbers import (
    MAX_SAFE_INTEGER,
    NumberRefused,
    decimal_text,
    integer_text,
)

MASK = "**********"
"""What stands for a secret, wherever a value is written."""

MAX_DEPTH = 64
"""How many lists and objects may stand in one another."""

AS_THEY_ARE = frozenset({str, bool, type(None)})
"""Types whose values are plain JSON values already."""

Path = tuple[str | int, ...]


def show_path(path: Path) -> str:
    """A path as `items/0/price`; names are escaped as in JSON Pointer (RFC 6901) and cut when long."""
    return "/".join(_shown_name(part) for part in path)


def _shown_name(part: str | int) -> str:
    text = str(part).replace("~", "~0").replace("/", "~1")
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= 64 else text[:63] + "…"


def canonical_values(value: Any, faults: list[FieldError]) -> Any:
    """`value` with decimals, and integers beyond 2**53 - 1, as text. What cannot be said goes to `faults`."""
    return _Walk(faults, decimal_text, integer_text).any(value, ())


def policy_values(value: Any, faults: list[FieldError]) -> Any:
    """`value` for `orjson.dumps`, with every number a JSON number, exactly."""
    return _Walk(
        faults,
        lambda number: orjson.Fragment(decimal_text(number).encode()),
        lambda number: orjson.Fragment(integer_text(number).encode()),
    ).any(value, ())


def attribute_values(value: Any, faults: list[FieldError]) -> Any:
    """`value` as JSON values, but every number that JSON readers could round a Decimal."""
    return _Walk(faults, lambda number: Decimal(decimal_text(number)), Decimal).any(value, ())


def json_text(value: Any, faults: list[FieldError]) -> str:
    """`value` as JSON text, exactly, for `licet.tools.strict_json` to read.

    What JSON has no word for goes to `faults`; NaN and text that is not Unicode are written so that reading
    refuses them where they stand.
    """
    tree = _Walk(
        faults,
        lambda number: _Literal(_fraction(decimal_text(number))),
        lambda number: _Literal(integer_text(number)),
        lambda number: _Literal(json.dumps(number)),
    ).any(value, ())
    return _text(tree)


class _Literal(str):
    """A number as it is to be written."""


def _fraction(text: str) -> str:
    return text if "." in text else f"{text}.0"  # an `int` takes no Decimal


def _text(tree: Any) -> str:
    if type(tree) is _Literal:
        return tree
    if isinstance(tree, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{_text(item)}" for name, item in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(_text, tree)) + "]"
    return json.dumps(tree)


class _Walk:
    def __init__(
        self,
        faults: list[FieldError],
        decimal: Callable[[Decimal], Any],
        integer: Callable[[int], Any],
        real: Callable[[float], Any] | None = None,
    ) -> None:
        self.faults = faults
        self.decimal = decimal
        self.integer = integer
        self.real = real or _fold

    def fault(self, path: Path, message: str) -> None:
        self.faults.append(FieldError(show_path(path), message))

    def any(self, value: Any, path: Path) -> Any:
        kind = type(value)
        if kind in AS_THEY_ARE:
            return value
        if kind is int:
            if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
                return value
            return self.number(value, self.integer, path)
        if kind is float:
            return self.number(value, self.real, path)
        if kind is Decimal:
            return self.number(value, self.decimal, path)
        if kind is dict or isinstance(value, Mapping):
            return self.mapping(value, path)
        if kind is list or kind is tuple:
            return self.items(value, path)
        return self.rarer(value, path)

    def rarer(self, value: Any, path: Path) -> Any:
        if isinstance(value, Enum):
            return self.any(value.value, path)
        if isinstance(value, RootModel):
            return self.any(value.root, path)
        if isinstance(value, BaseModel):
            values = {wire: getattr(value, name) for name, wire in _model_fields(type(value))}
            return self.mapping({**values, **(value.__pydantic_extra__ or {})}, path)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.mapping(
                {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}, path
            )
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, SecretStr | SecretBytes | Secret):
            return MASK
        if isinstance(value, set | frozenset):
            return self.unordered(value, path)
        if isinstance(value, deque | list | tuple):
            return self.items(value, path)
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return self.any(int(value), path)
        if isinstance(value, float):
            return self.any(float(value), path)
        if isinstance(value, Decimal):
            return self.number(Decimal(value), self.decimal, path)
        return self.other(value, path)

    def number(self, value: Any, write: Callable[[Any], Any], path: Path) -> Any:
        try:
            return write(value)
        except NumberRefused as error:
            return self.fault(path, str(error))

    def mapping(self, value: Mapping[Any, Any], path: Path) -> Any:
        if len(path) >= MAX_DEPTH:
            return self.fault(path[:8], f"is nested more than {MAX_DEPTH} deep")
        return {
            key if type(key) is str else self.key(key, path): item
            if type(item) in AS_THEY_ARE
            else self.any(item, (*path, key))
            for key, item in value.items()
        }

    def items(self, value: Any, path: Path) -> Any:
        if len(path) >= MAX_DEPTH:
            return self.fault(path[:8], f"is nested more than {MAX_DEPTH} deep")
        return [
            item if type(item) in AS_THEY_ARE else self.any(item, (*path, index))
            for index, item in enumerate(value)
        ]

    def unordered(self, value: Any, path: Path) -> Any:
        plain = [self.any(item, (*path, index)) for index, item in enumerate(value)]
        return sorted(plain, key=lambda item: item.encode() if isinstance(item, str) else orjson.dumps(item))

    def key(self, key: Any, path: Path) -> str:
        plain = _Walk(self.faults, decimal_text, integer_text).any(key, (*path, "(a name)"))
        if isinstance(plain, str):
            return plain
        if isinstance(plain, bool | int | float | None):
            return canonical(plain).decode()
        self.fault(path, "has a name that is not text")
        return ""

    def other(self, value: Any, path: Path) -> Any:
        """Durations, bytes, paths, addresses, URLs: what pydantic itself writes as text."""
        try:
            plain = to_jsonable_python(value)
        except (PydanticSerializationError, ValueError):
            plain = None
        if not isinstance(plain, str):
            return self.fault(path, f"is a {type(value).__name__}, which JSON has no word for")
        return plain


def _fold(value: float) -> int | float:
    """12.0 and 12 are one number in RFC 8785; as an integer it is written without the slow way for floats."""
    if not math.isfinite(value):
        raise NumberRefused("is not a finite number")
    return int(value) if value.is_integer() and abs(value) <= MAX_SAFE_INTEGER else value


@lru_cache(maxsize=1024)
def _model_fields(model: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Each field's name, and the name it is read under."""
    names = []
    for name, field in model.model_fields.items():
        alias = field.validation_alias or field.alias
        if isinstance(alias, AliasChoices):
            alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
        names.append((name, alias if isinstance(alias, str) else name))
    return tuple(names)
