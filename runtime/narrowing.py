"""Narrowings: what a workflow leaves open of a tool's arguments.

A narrowing is a `Bound` on one argument, or on a value inside it by a dotted path (`"address.country"`).
It looks at the values the tool is given, and fails closed:

- An argument that is absent or None is outside, unless the bound says `or_absent=True`: only the tool's
  author knows whether None means "leave it" or "no limit". A default that the tool fills in is a value
  like any other.
- In a list, every element must be inside (`exactly` compares the list as a whole). An empty list is inside.
- Numbers are compared exactly, as decimals.
- A regular expression must match the whole text. It is matched by the engine that pydantic carries, Rust's
  `regex`, whose time is linear in the text by construction; look-around and backreferences do not exist there
  and are refused with the workflow. Text beyond 10,000 characters is outside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import orjson
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, PrivateAttr, StrictBool
from pydantic.fields import FieldInfo

from licet.audit.canonical import Json, canonical
from licet.runtime.contract import Contract, Fault, Place, Text, valid_unicode
from licet.runtime.decimals import Exact, exact, measured, same
from licet.runtime.patterns import fits_whole, regex
from licet.tools.errors import FieldError
from licet.tools.exact_numbers import MAX_SAFE_INTEGER, decimal_text
from licet.tools.plain_values import canonical_values

ABSENT = None
"""An absent argument and None are one: not given."""

Scalar = None | bool | int | Decimal | str
"""What a bound can name: JSON's scalars, with exact numbers."""

_INCOMPARABLE = object()
_LISTS = (list, tuple, set, frozenset)
_NUMBERS = (int, float, Decimal)

Path = tuple[str, ...]
"""The names on the way to a value: the parameter, then fields inside it."""

Check = Callable[[Any], str | None]
"""Answers what a value must be, when it is not, in words that do not quote it."""


def _scalar(value: object) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return valid_unicode(str(value))
    try:
        return exact(value)
    except ValueError as error:
        raise ValueError(f"must be text, a number, true, false or null: {error}") from None


def _scalar_or_list(value: object) -> Scalar | tuple[Scalar, ...]:
    if isinstance(value, list | tuple):
        return tuple(_scalar(item) for item in value)
    return _scalar(value)


def _choices(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list of values")
    return tuple(_scalar(item) for item in value)


def _normal(value: Scalar | tuple[Scalar, ...]) -> Json:
    """As JSON: a number that JSON does not carry exactly is told apart from text."""
    if isinstance(value, tuple):
        return [_normal(item) for item in value]
    if isinstance(value, Decimal):
        if value == value.to_integral_value() and abs(value) <= MAX_SAFE_INTEGER:
            return int(value)
        return {"decimal": decimal_text(value)}
    return value


def _told(value: Scalar | tuple[Scalar, ...]) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_told(item) for item in value) + "]"
    return decimal_text(value) if isinstance(value, Decimal) else orjson.dumps(value).decode()


class Bound(Contract):
    """What one argument may be: a range, a choice, a pattern or one value.

    Use `at_most`, `at_least`, `between`, `one_of`, `matches` and `exactly` to make one. In YAML it is a
    mapping, such as `{at_most: "200.00"}` or `{between: ["1", "5"], or_absent: true}`; a plain value means
    `exactly`.
    """

    at_least: Exact | None = None
    at_most: Exact | None = None
    one_of: Annotated[Any, BeforeValidator(_choices)] = None
    matches: Annotated[Text, AfterValidator(regex)] | None = None
    exactly: Annotated[Any, BeforeValidator(_scalar_or_list)] = None
    or_absent: StrictBool = False

    also_known: ClassVar[tuple[str, ...]] = ("between",)

    _fault: Check = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Prepare the check, once per workflow."""
        if "exactly" in self.model_fields_set:
            check, each = _must_equal(self.exactly), False
        elif self.one_of is not None:
            check, each = _must_be_among(self.one_of), True
        elif self.matches is not None:
            check, each = _must_match(self.matches), True
        else:
            check, each = _must_lie(self.at_least, self.at_most), True
        self._fault = _applied(check, each=each, or_absent=self.or_absent)

    def contradictions(self) -> Iterator[Fault]:
        """A bound says one thing, and something can be inside it."""
        given = self.model_fields_set - {"or_absent"}
        for field in sorted(given - {"exactly"}):
            if getattr(self, field) is None:
                yield Fault((field,), "must not be null: that would bound nothing")
        kinds = {"range" if field in ("at_least", "at_most") else field for field in given}
        if not kinds:
            yield Fault((), "bounds nothing; give at_most, at_least, between, one_of, matches or exactly")
        if len(kinds) > 1:
            yield Fault((), f"give one kind of bound, not {' and '.join(sorted(kinds))}")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            yield Fault(("at_least",), "is above at_most, so that nothing is inside")
        if "one_of" in given and not self.one_of:
            yield Fault(("one_of",), "names no value, so that nothing is inside")

    def content(self) -> dict[str, Json]:
        """The bound in normal form: what was given, numbers in one spelling."""
        form: dict[str, Json] = {}
        if self.at_least is not None:
            form["at_least"] = decimal_text(self.at_least)
        if self.at_most is not None:
            form["at_most"] = decimal_text(self.at_most)
        if self.one_of is not None:
            # In one order, each once: neither order nor repetition changes what is inside.
            unique = {canonical(_normal(item)): item for item in self.one_of}
            form["one_of"] = [_normal(unique[key]) for key in sorted(unique)]
        if self.matches is not None:
            form["matches"] = self.matches
        if "exactly" in self.model_fields_set:
            form["exactly"] = _normal(self.exactly)
        if self.or_absent:
            form["or_absent"] = True
        return form

    def named(self) -> Iterator[Scalar]:
        """The values that the bound names one by one, if it does."""
        if self.one_of is not None:
            yield from self.one_of
        elif "exactly" in self.model_fields_set:
            yield from self.exactly if isinstance(self.exactly, tuple) else (self.exactly,)

    @property
    def fault(self) -> Check:
        """Given an argument's Python value (None: absent), what it must be; or None, when it is inside.

        The words do not quote the value.
        """
        return self._fault


def _applied(check: Check, *, each: bool, or_absent: bool) -> Check:
    """`check` on a whole argument, as plain closures: a model's private attributes are slow to read."""

    def inside(value: Any) -> str | None:
        if each and isinstance(value, _LISTS):
            return next((told for item in value if (told := inside(item)) is not None), None)
        return check(_leaf(value))

    def fault(value: Any) -> str | None:
        if value is not ABSENT:
            return inside(value)
        if or_absent or check(None) is None:
            return None
        return "must be given: this workflow bounds it"

    return fault


def _leaf(value: Any) -> Any:
    """A value as JSON has it, numbers left exact: an enum's value, a date's text."""
    if value is None or isinstance(value, _NUMBERS) or type(value) is str:
        return value
    if isinstance(value, list | tuple):
        return [_leaf(item) for item in value]
    faults: list[FieldError] = []
    plain = canonical_values(value, faults)
    return _INCOMPARABLE if faults else plain


def _must_equal(wanted: Any) -> Check:
    told = f"must be exactly {_told(wanted)}"
    return lambda value: None if same(wanted, value) else told


def _must_be_among(choices: tuple[Scalar, ...]) -> Check:
    shown = ", ".join(_told(item) for item in choices[:20])
    told = (
        f"must be one of {shown}"
        if len(choices) <= 20
        else f"must be one of {len(choices)} values: {shown}, ..."
    )
    return lambda value: None if any(same(choice, value) for choice in choices) else told


def _must_match(pattern: str) -> Check:
    told = f"must match {_told(pattern)}"

    def check(value: Any) -> str | None:
        if isinstance(value, str) and fits_whole(pattern, value):
            return None
        return told

    return check


def _must_lie(low: Decimal | None, high: Decimal | None) -> Check:
    if low is not None and high is not None:
        told = f"must be from {decimal_text(low)} to {decimal_text(high)}"
    elif low is not None:
        told = f"must be at least {decimal_text(low)}"
    else:
        told = f"must be at most {decimal_text(high)}" if high is not None else "must be a number"

    def check(value: Any) -> str | None:
        number = measured(value)
        if number is None or (low is not None and number < low) or (high is not None and number > high):
            return told
        return None

    return check


def values_at(values: Any, path: Path, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that a path leads to, with its place; in a list the path goes on in each element.

    Where nothing is there, the value is None.
    """
    if not path:
        yield place, values
    elif isinstance(values, _LISTS):
        for position, item in enumerate(values):
            yield from values_at(item, path, (*place, position))
    else:
        yield from values_at(_member(values, path[0]), path[1:], (*place, path[0]))


def _member(value: Any, name: str) -> Any:
    """A member by the name that the model sees: a field's alias, when it has one."""
    if isinstance(value, Mapping):
        return value.get(name, ABSENT)
    if isinstance(value, BaseModel):
        for field, info in type(value).model_fields.items():
            if name == _wire_name(field, info):
                return getattr(value, field)
        return ABSENT
    if dataclasses.is_dataclass(value) and name in {field.name for field in dataclasses.fields(value)}:
        return getattr(value, name)
    return ABSENT


def _wire_name(field: str, info: FieldInfo) -> str:
    alias = info.validation_alias or info.alias
    if isinstance(alias, AliasChoices):
        alias = next((choice for choice in alias.choices if isinstance(choice, str)), None)
    return alias if isinstance(alias, str) else field


Number = int | str | Decimal
"""How a number is given: never as a float."""


def at_most(limit: Number, *, or_absent: bool = False) -> Bound:
    """Numbers up to and including `limit`, given exactly: an int, a Decimal or text such as `"200.00"`.

    Args:
        limit: the largest number inside.
        or_absent: an argument that is absent or None is inside too.

    Raises:
        ConfigurationError: `limit` is a float or not a number.
    """
    return Bound.model_validate({"at_most": limit, "or_absent": or_absent})


def at_least(limit: Number, *, or_absent: bool = False) -> Bound:
    """Numbers from `limit` on; see `at_most`."""
    return Bound.model_validate({"at_least": limit, "or_absent": or_absent})


def between(low: Number, high: Number, *, or_absent: bool = False) -> Bound:
    """Numbers from `low` to `high`, both included; see `at_most`."""
    return Bound.model_validate({"at_least": low, "at_most": high, "or_absent": or_absent})


def one_of(*values: Scalar, or_absent: bool = False) -> Bound:
    """One of these values. Text is compared character by character, numbers as numbers.

    Raises:
        ConfigurationError: no value is given, or one is a float or not a scalar.
    """
    return Bound.model_validate({"one_of": values, "or_absent": or_absent})


def matches(pattern: str, *, or_absent: bool = False) -> Bound:
    """Text that `pattern`, a regular expression in the syntax of Rust's `regex`, matches as a whole.

    Raises:
        ConfigurationError: it does not compile, is too large, or needs look-around or backreferences.
    """
    return Bound.model_validate({"matches": pattern, "or_absent": or_absent})


def exactly(value: Scalar | list[Scalar] | tuple[Scalar, ...], *, or_absent: bool = False) -> Bound:
    """This value and no other; a list is compared as a whole. `exactly(None)`: it must not be given."""
    return Bound.model_validate({"exactly": value, "or_absent": or_absent})


def as_bound(value: object) -> object:
    """What stands for a bound, as a Bound takes it: `between` as a range, a plain value as `exactly`."""
    if isinstance(value, Bound):
        return value
    if isinstance(value, Mapping):
        pair = value.get("between")
        if isinstance(pair, list | tuple) and len(pair) == 2 and not {"at_least", "at_most"} & value.keys():
            rest = {key: item for key, item in value.items() if key != "between"}
            return {**rest, "at_least": pair[0], "at_most": pair[1]}
        if "between" in value:
            raise ValueError('`between` is a list of two numbers, such as between: ["1", "5"]')
        return value
    return {"exactly": value}
