"""From what a model sends to what a tool's function gets, and to what policy and journal hold of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import Any
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field, ValidationError, create_model

from licet.audit.canonical import Json, canonical, sha256
from licet.tools import strict_json
from licet.tools.argument_errors import REFUSED, faults_of, too_exact, value_at
from licet.tools.errors import FieldError, InvalidArguments
from licet.tools.exact_numbers import TAG
from licet.tools.exact_schema import ContractSchema, json_schema, strict_schema, strict_validator
from licet.tools.plain_values import AS_THEY_ARE, canonical_values, policy_values, show_path

REQUIRED: Any = object()
"""Stands for the default of a parameter that has none."""

_TAG_BYTES = TAG.encode()

_UNCHANGING = frozenset(
    {str, int, float, bool, type(None), Decimal, datetime, date, time, timedelta, UUID, bytes}
)
"""Types whose values nobody can change; of these no copies are made. A subclass may hold more."""


@dataclass(frozen=True)
class Arguments:
    """The arguments of one call, validated.

    Attributes:
        values: by parameter name, what was validated and is judged; defaults included. Whoever runs code of
            a tool's author hands out `copies` and never these.
        policy: JSON for the policy engine, with every number a JSON number, exactly.
        canonical: JSON by RFC 8785, with decimals, and integers beyond 2**53 - 1, as text. Equal values have
            equal bytes, however they were spelled; parsing these bytes gives the same arguments again.
        plain: `canonical` as Python values.
    """

    values: Mapping[str, Any]
    policy: bytes
    canonical: bytes
    plain: dict[str, Json]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `canonical`, in hexadecimal."""
        return sha256(self.canonical)

    def copies(self, names: Iterable[str] | None = None) -> dict[str, Any]:
        """Values for one function to keep: what it changes in them, no other function and no stage sees.

        Args:
            names: of the parameters it takes; None: all.

        Raises:
            Exception: whatever a value raises that does not let itself be copied.
        """
        wanted = dict(self.values) if names is None else {name: self.values[name] for name in names}
        return wanted if _UNCHANGING.issuperset(map(type, wanted.values())) else deepcopy(wanted)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter that the model fills: its name, annotation, description and default (`REQUIRED`: none)."""

    name: str
    annotation: Any
    description: str = ""
    default: Any = field(default=REQUIRED)


class BadDefault(ValueError):
    """A parameter's default is not a value of its type.

    Attributes:
        name: the parameter.
    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


class ArgumentReader:
    """Reads the arguments of one tool. Built once per tool; `read` runs on every call.

    Attributes:
        shown: JSON Schema for the model.
        contract: JSON Schema for the contract hash.

    Raises:
        Unserialisable, pydantic.errors.PydanticUserError, PydanticSchemaGenerationError: a type cannot be
        read.
        BadDefault: a default is not a value of its type.
    """

    def __init__(self, arguments: Sequence[Argument]) -> None:
        # Fields get names of our own, so that a parameter may be called `copy` or `json` as a model's methods
        # are.
        fields: dict[str, Any] = {
            f"p_{item.name}": (
                item.annotation,
                Field(
                    default=... if item.default is REQUIRED else None,
                    alias=item.name,
                    description=item.description or None,
                ),
            )
            for item in arguments
        }
        model = create_model(
            "Arguments", __config__=ConfigDict(extra="forbid", validate_by_alias=True), **fields
        )
        schema = strict_schema(model.__pydantic_core_schema__)
        self._validator = strict_validator(schema)
        self._names = tuple((item.name, f"p_{item.name}") for item in arguments)
        self._defaults: dict[str, Any] = {}
        self.shown = json_schema(schema, "validation")
        self.contract = json_schema(schema, "validation", ContractSchema)
        for document in (self.shown, self.contract):
            document.pop("title", None)
            document.setdefault("properties", {})
        for item in arguments:
            if item.default is not REQUIRED:
                self._add_default(item)

    def _add_default(self, item: Argument) -> None:
        """A default goes the way of every other value, so that it is the same as if the model had written
        it.
        """
        faults: list[FieldError] = []
        shown = canonical_values(item.default, faults)
        try:
            wire = strict_json.read({item.name: item.default})[item.name]
        except InvalidArguments as error:
            raise BadDefault(item.name, error.fields[0].message) from None
        try:
            self._validator.validate_json(strict_json.write({item.name: wire}), strict=True)
        except ValidationError as error:
            own = faults_of(error, {item.name: wire}, self.shown)
            own = [fault for fault in own if fault.path.split("/")[0] == item.name]
            if own:
                raise BadDefault(item.name, own[0].message) from None
        except Exception:
            raise BadDefault(item.name, REFUSED) from None
        self._defaults[item.name] = wire
        for document in (self.shown, self.contract):
            document["properties"][item.name]["default"] = shown

    def read(self, raw: str | bytes | Mapping[str, Any]) -> Arguments:
        """Arguments from JSON text, or from a mapping of Python values by the same way.

        Raises:
            InvalidArguments: with one entry per fault; also for whatever else a check of the tool's own, or a
                value of a foreign class, raises.
        """
        try:
            return self._read(raw)
        except InvalidArguments:
            raise
        except Exception:
            raise InvalidArguments([FieldError("", "the arguments cannot be read")]) from None

    def _read(self, raw: str | bytes | Mapping[str, Any]) -> Arguments:
        tree = strict_json.read(raw)
        for name, default in self._defaults.items():
            if name not in tree:
                tree[name] = default
        text = strict_json.write(tree)
        try:
            found = self._validator.validate_json(text, strict=True).__dict__
        except ValidationError as error:
            raise InvalidArguments(faults_of(error, tree, self.shown)) from None
        except Exception:
            raise InvalidArguments(self._refused(tree)) from None
        values = {name: found[field] for name, field in self._names}
        return _arguments(values, may_be_tagged=_TAG_BYTES in text)

    def _refused(self, tree: dict[str, Any]) -> list[FieldError]:
        """Which arguments make a validator raise what pydantic does not catch, and so does not place."""
        paths = []
        for name, value in tree.items():
            try:
                self._validator.validate_json(strict_json.write({name: value}), strict=True)
            except ValidationError:
                continue
            except Exception:
                paths.append(show_path((name,)))
        return [FieldError(path, REFUSED) for path in paths or [""]]


def _arguments(values: dict[str, Any], may_be_tagged: bool) -> Arguments:
    faults: list[FieldError] = []
    as_they_are = AS_THEY_ARE.issuperset(map(type, values.values()))
    plain = values.copy() if as_they_are else canonical_values(values, faults)
    if may_be_tagged and not faults:
        faults = [
            FieldError(show_path(path), too_exact(value_at(plain, path)))
            for path in strict_json.tagged(plain)
        ]
    if faults:
        raise InvalidArguments(faults)
    try:
        written = canonical(plain)
    except ValueError:
        raise InvalidArguments(
            [FieldError("", "the arguments cannot be written as canonical JSON")]
        ) from None
    exact = (
        written if as_they_are else orjson.dumps(policy_values(values, faults), option=orjson.OPT_SORT_KEYS)
    )
    return Arguments(MappingProxyType(values), exact, written, plain)
