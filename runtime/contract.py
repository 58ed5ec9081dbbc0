"""The base of what a workflow is made of: frozen, closed to unknown keys, with all faults told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from licet.audit.errors import ConfigurationError

Place = tuple[str | int, ...]
"""Where something stands: keys and positions from the top."""

COLLECT = object()
"""Validation context of a caller that wants the ValidationError, because it knows more about places."""

_within: ContextVar[bool] = ContextVar("within", default=False)
"""A part is made while its whole is: its faults are the whole's to tell, with their place."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{dotted(self.place)}: {self.message}" if self.place else self.message


def dotted(place: Place) -> str:
    """A place as a person writes it, such as `tools[0].args.amount`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def refuse(subject: str, faults: Iterable[Fault]) -> ConfigurationError:
    """One error that tells every fault of `subject`."""
    lines = [str(fault) for fault in faults]
    if len(lines) == 1:
        return ConfigurationError(f"{subject}: {lines[0]}")
    return ConfigurationError(
        f"{subject} has {len(lines)} faults:" + "".join(f"\n  {line}" for line in lines)
    )


def closest(word: str, known: Iterable[str]) -> str:
    """What is known instead of `word`: `, did you mean ...?` when one is near, else the list."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f", did you mean `{near[0]}`?"
    return f"; known are {', '.join(f'`{name}`' for name in names)}" if names else ""


def faults_of(error: ValidationError) -> list[Fault]:
    """The faults in a ValidationError, without the input they quote."""
    return [Fault(item["loc"], item["msg"].removeprefix("Value error, ")) for item in error.errors()]


class Contract(BaseModel):
    """A frozen model that refuses unknown keys.

    Raises:
        ConfigurationError: at construction, naming every field at fault and never quoting its value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    also_known: ClassVar[tuple[str, ...]] = ()
    """Keys that are understood in YAML beside the fields."""

    def contradictions(self) -> Iterator[Fault]:
        """What is wrong between fields that are each right."""
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _tell_all_faults(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        outermost = info.context is not COLLECT and not _within.get()
        token = _within.set(True)
        try:
            made = handler(data)
        except ValidationError as error:
            faults = [cls._named(fault, data) for fault in faults_of(error)]
        else:
            faults = list(made.contradictions())
            if not faults:
                return made
        finally:
            _within.reset(token)
        if outermost:
            raise refuse(cls.__name__, faults) from None
        raise ValidationError.from_exception_data(cls.__name__, [_line(fault) for fault in faults])

    @classmethod
    def _named(cls, fault: Fault, data: object) -> Fault:
        """An unknown key's fault says what is known instead."""
        key = fault.place[0] if len(fault.place) == 1 else None
        if isinstance(data, Mapping) and isinstance(key, str) and key not in cls.model_fields:
            return Fault(
                fault.place, f"unknown key `{key}`" + closest(key, (*cls.model_fields, *cls.also_known))
            )
        return fault


def _line(fault: Fault) -> InitErrorDetails:
    kind = PydanticCustomError("fault", "{message}", {"message": fault.message})
    return InitErrorDetails(type=kind, loc=fault.place, input=None)


def valid_unicode(text: str) -> str:
    """`text`, when it can be written as UTF-8 (a lone surrogate cannot).

    Raises:
        ValueError: it cannot.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode text") from None
    return text


Text = Annotated[str, StringConstraints(strict=True), AfterValidator(valid_unicode)]
"""Any text."""

Line = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=1000),
    AfterValidator(valid_unicode),
]
"""Text that says something."""


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}", text):
        raise ValueError("must be 1 to 128 letters, digits or . _ + - and start with a letter or digit")
    return text


Name = Annotated[str, StringConstraints(strict=True), AfterValidator(_name)]
"""A name that can stand in a scope, a file name and an address."""
