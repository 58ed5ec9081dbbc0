"""What the annotations of a tool say beyond types: roles, marks on results, and what they must not hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from pydantic import SecretBytes, SecretStr
from pydantic.types import Secret

from licet.tools.annotations import ANY, Place, Steps, places
from licet.tools.arguments import REQUIRED, Argument
from licet.tools.errors import ToolError
from licet.tools.markers import (
    Amount,
    Flag,
    Injected,
    Key,
    Label,
    NotSecret,
    Role,
    RoleName,
    Sensitive,
    StringCoded,
    Trust,
    TrustLevel,
)

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:passwords?|passwd|passphrases?|pwd|secrets?|tokens?|credentials?|bearer|authorization"
    r"|(?:api|access|private|secret|signing|encryption|auth)_?keys?|apikeys?)(?:_|$)"
)
_TEXT_CODED = (Decimal, date, datetime, time, timedelta, UUID, bytes)


@dataclass(frozen=True, slots=True)
class FieldRole:
    """What one value among the arguments is for."""

    role: RoleName
    kind: str | None = None
    currency: str | None = None
    narrow: tuple[str | int | bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that the model fills.

    Attributes:
        role: what it is for; `target` where nothing is declared.
        kind: what sort of value, such as `email`; None where nothing is declared.
        currency: of an amount of money, ISO 4217.
        string_coded: an integer beyond 2**53 - 1 is taken here, and somewhere in it is written as text.
        annotation: its type, with the markers.
        nested: roles declared inside it, by path below it (`items/*/price`); what declares none has the one
            above.
        narrow: of a flag, the choices that widen nothing.
    """

    name: str
    role: RoleName
    kind: str | None
    string_coded: bool
    currency: str | None
    description: str
    required: bool
    annotation: Any
    nested: Mapping[str, FieldRole] = field(default_factory=dict)
    narrow: tuple[str | int | bool, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultMarks:
    """What the annotations say of one place in a result."""

    trust: TrustLevel | None = None
    sensitive: bool = False
    key: bool = False
    label: bool = False
    kind: str | None = None


def read_parameter(title: str, argument: Argument) -> Parameter:
    """The markers of a parameter.

    Raises:
        ToolError: two roles at one place, a secret, a union that its JSON cannot tell apart, Injected inside
            a type.
    """
    found = list(places(argument.annotation, (argument.name,)))
    _check_secrets(title, found)
    roles: dict[Steps, FieldRole] = {}
    coded = False
    for place in found:
        where = "/".join(place.path)
        _check_union(title, where, place)
        for mark in place.marks:
            coded = coded or _is(mark, StringCoded)
            if _is(mark, Injected):
                raise ToolError(
                    f"{title}: {where}: Injected stands inside a type; only a whole parameter is injected"
                )
            if _is(mark, Role):
                if place.path in roles and roles[place.path] != _role(title, where, mark):
                    raise ToolError(f"{title}: {where} has two roles; keep one")
                roles[place.path] = _role(title, where, mark)
    own = roles.pop((argument.name,), FieldRole("target"))
    return Parameter(
        argument.name,
        own.role,
        own.kind,
        coded,
        own.currency,
        argument.description,
        argument.default is REQUIRED,
        argument.annotation,
        MappingProxyType({"/".join(path[1:]): role for path, role in roles.items()}),
        own.narrow,
    )


def read_result_marks(title: str, annotation: Any) -> dict[str, ResultMarks]:
    """The marks of a result by path (`items/*/note`; empty: the whole); places without one are left out.

    Raises:
        ToolError: two levels of trust at one place.
    """
    marked: dict[str, ResultMarks] = {}
    for place in places(annotation):
        where = "/".join(place.path)
        before = marked.get(where, ResultMarks())
        trust, kind = before.trust, before.kind
        sensitive, key, label = before.sensitive, before.key, before.label
        for mark in place.marks:
            if isinstance(mark, Trust):
                if trust not in (None, mark.level):
                    raise ToolError(
                        f"{title}: the result's {where or 'whole'} has two levels of trust; keep one"
                    )
                trust = mark.level
            sensitive = sensitive or _is(mark, Sensitive)
            key = key or _is(mark, Key)
            label = label or _is(mark, Label)
            if isinstance(mark, Key | Label):
                kind = mark.kind or kind
        after = ResultMarks(trust, sensitive, key, label, kind)
        if after != ResultMarks():
            marked[where] = after
    return marked


def _is(mark: Any, kind: type) -> bool:
    return isinstance(mark, kind) or (isinstance(mark, type) and issubclass(mark, kind))


def _role(title: str, where: str, mark: Any) -> FieldRole:
    if isinstance(mark, type):
        mark = mark()
    if not hasattr(mark, "name"):
        raise ToolError(f"{title}: {where}: Role itself says nothing; write Target, Content, Amount, ...")
    currency = mark.currency if isinstance(mark, Amount) else None
    return FieldRole(mark.name, mark.kind, currency, mark.narrow if isinstance(mark, Flag) else ())


def _check_union(title: str, where: str, place: Place) -> None:
    """The JSON of a value must tell which member it is, also once decimals and dates are recorded as text."""
    members = [member for member in place.members if isinstance(member, type)]
    coded = [member for member in members if member in _TEXT_CODED]
    if len(coded) > 1 or (str in members and coded):
        names = " or ".join(member.__name__ for member in members if member in (str, *coded))
        raise ToolError(f"{title}: {where} is {names}, which one JSON text can all mean; choose one of them")
    if Decimal in members and (float in members or int in members):
        raise ToolError(
            f"{title}: {where} is Decimal or another number; Decimal takes every number, write only that"
        )


def _check_secrets(title: str, found: Iterable[Place]) -> None:
    names: dict[str, list[Place]] = {}
    for place in found:
        kinds = [kind for kind in (place.type, *place.members) if isinstance(_bare(kind), type)]
        if any(issubclass(_bare(kind), SecretStr | SecretBytes | Secret) for kind in kinds):
            raise ToolError(
                f"{title}: {'/'.join(place.path)} is a secret, and arguments are recorded and shown to "
                "reviewers; inject what holds the secret instead: Annotated[YourClient, Injected]"
            )
        names.setdefault("/".join(step for step in place.path if step != ANY), []).append(place)
    for where, there in names.items():
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", where.rsplit("/", 1)[-1]).lower()
        text = any(place.type in (str, bytes) for place in there)
        told = any(_is(mark, NotSecret) for place in there for mark in place.marks)
        if text and not told and _SECRET_NAME.search(snake):
            raise ToolError(
                f"{title}: {where} is named like a secret, and arguments are recorded and shown to "
                "reviewers; inject what holds the secret instead, "
                "or write Annotated[str, NotSecret] if it is none"
            )


def _bare(kind: Any) -> Any:
    return getattr(kind, "__origin__", kind)
