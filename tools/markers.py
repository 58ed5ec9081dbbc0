"""What an annotation can say of a parameter or of a field of a result, for policy to read.

    amount: Annotated[Decimal, Amount("EUR")]
    note: Annotated[str, Trust("external")]

A marker without settings may be written as the bare class (`Annotated[Shop, Injected]`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Literal

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from licet.tools.exact_numbers import MAX_DIGITS, MAX_SAFE_INTEGER, TAG

RoleName = Literal["target", "content", "headline", "amount", "when", "flag"]
TrustLevel = Literal["system", "own", "peer", "external"]


@dataclass(frozen=True, slots=True)
class Role:
    """What a parameter is for; one that declares nothing counts as a target.

    Attributes:
        kind: what sort of value it is, such as `email`, `url`, `iban`, `user`, `order_id`.
    """

    name: ClassVar[RoleName]
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Target(Role):
    """Whom or what the call acts on: a receiver, an account, a record, an address."""

    name = "target"


@dataclass(frozen=True, slots=True)
class Content(Role):
    """Text that goes out: a message's body, a file's content."""

    name = "content"


@dataclass(frozen=True, slots=True)
class Headline(Role):
    """A short text beside the content: a subject, a title."""

    name = "headline"


@dataclass(frozen=True, slots=True)
class Amount(Role):
    """How much. `currency` is an ISO 4217 code, or None where the parameter is not money."""

    name = "amount"
    kind: str | None = None
    currency: str | None = None

    def __init__(self, currency: str | None = None, *, kind: str | None = None) -> None:
        if currency is not None and not re.fullmatch(r"[A-Z]{3}", currency):
            raise ValueError('a currency is an ISO 4217 code of three capital letters, such as "EUR"')
        object.__setattr__(self, "currency", currency)
        object.__setattr__(self, "kind", kind)


@dataclass(frozen=True, slots=True)
class When(Role):
    """A date, a time or a duration."""

    name = "when"


@dataclass(frozen=True, slots=True)
class Flag(Role):
    """A choice among few that names nobody: a switch, a sort order, a page size.

    Attributes:
        narrow: the choices that widen nothing, such as `("read",)` of a permission; whoever chose one, it is fine.
    """

    name = "flag"
    kind: str | None = None
    narrow: tuple[str | int | bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Injected:
    """The runtime gives this parameter, from `inject={Type: provider}`; a model never sees it."""


@dataclass(frozen=True, slots=True)
class NotSecret:
    """This text is no secret although its name (`password`, `token`, ...) says so. It will be recorded."""


class StringCoded:
    """An integer that is written as JSON text, because it may pass 2**53 - 1: `Annotated[int,
    StringCoded]`.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], CoreSchema]) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            _integer, handler(source), serialization=core_schema.to_string_ser_schema(when_used="json")
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: Callable[[Any], Any]
    ) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^-?[0-9]{{1,{MAX_DIGITS}}}$"}


_INTEGER = re.compile(rf"-?[0-9]{{1,{MAX_DIGITS}}}")


def _integer(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) > MAX_SAFE_INTEGER:
        return int(Decimal(repr(value)))  # see `read_integer`
    if not isinstance(value, str):
        return value
    text = value.removeprefix(TAG)
    if not _INTEGER.fullmatch(text):
        raise PydanticCustomError(
            "licet_integer",
            "should be an integer written as text, of at most {digits} digits",
            {"digits": MAX_DIGITS},
        )
    return int(text)


@dataclass(frozen=True, slots=True)
class Trust:
    """Who wrote what stands here.

    `system`: the application itself. `own`: the principal. `peer`: somebody else of the same tenant.
    `external`: anybody.
    """

    level: TrustLevel

    def __post_init__(self) -> None:
        if self.level not in ("system", "own", "peer", "external"):
            raise ValueError('Trust takes "system", "own", "peer" or "external"')


@dataclass(frozen=True, slots=True)
class Sensitive:
    """What stands here is private: having read it counts against what may leave."""


@dataclass(frozen=True, slots=True)
class Key:
    """This field identifies its record. In a result that is the application's as a whole, it exists: a directory."""

    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """This field is what people call its record; with the kind `words`, by single words of it written as names."""

    kind: str | None = None
