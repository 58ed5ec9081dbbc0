"""An allowance: one tool on a workflow's list, and what of it the workflow allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, StrictBool

from licet.audit.canonical import Json
from licet.runtime.contract import Contract, Fault, Text
from licet.runtime.narrowing import Bound, Check, Path, as_bound, values_at
from licet.tools import Arguments, FieldError, Tool, tool_of
from licet.tools.plain_values import show_path

Checks = tuple[tuple[Path, Check], ...]
"""What a value at a path must be."""

NarrowingBound = Annotated[Bound, BeforeValidator(as_bound)]


class Allowance(Contract):
    """One tool on a workflow's list, and what of it. Made by `allow`.

    Attributes:
        tool: the tool's name.
        args: a bound for each narrowed argument, by its name or the dotted path of a value inside it.
        unattended: the calls that its owner lets pass without a person: all, none, those within these bounds
            (which lie within `args`: a call outside `args` never passes), or, with "vouched", those of which
            provenance vouches for every value (docs/provenance.md).
    """

    tool: Annotated[Text, Field(min_length=1, max_length=200)]
    args: dict[Text, NarrowingBound] = Field(default_factory=dict)
    unattended: StrictBool | Literal["vouched"] | dict[Text, NarrowingBound] = False

    _declared: Tool | None = PrivateAttr(default=None)

    @cached_property
    def _bounds(self) -> Checks:
        return _checks(self.args)

    @cached_property
    def _unattended(self) -> Checks:
        return _checks(self.unattended) if isinstance(self.unattended, dict) else ()

    def contradictions(self) -> Iterator[Fault]:
        """Paths are paths, and an empty set of bounds does not silently mean everything."""
        for field, bounds in (("args", self.args), ("unattended", self.unattended)):
            if isinstance(bounds, dict):
                for path in bounds:
                    if not all(path.split(".")):
                        yield Fault(
                            (field, path), "is no path; write it such as `amount` or `address.country`"
                        )
        if self.unattended == {}:
            yield Fault(("unattended",), "bounds nothing; write true for every call, or false for none")

    @property
    def declared(self) -> Tool | None:
        """The tool itself, when `allow` was given a function or a Tool and not a name."""
        return self._declared

    def outside(self, arguments: Arguments) -> list[FieldError]:
        """Which arguments the workflow does not allow, and what they must be; empty when the call is inside.

        Args:
            arguments: what the tool's `parse` made of the call.
        """
        return list(_outside(self._bounds, arguments.values))

    def is_unattended(self, arguments: Arguments) -> bool:
        """Whether the owner lets this call, one that is not outside, pass without a person."""
        if not isinstance(self.unattended, dict):
            return self.unattended is True
        return next(_outside(self._unattended, arguments.values), None) is None

    def content(self) -> dict[str, Json]:
        """The allowance in normal form."""
        unattended = self.unattended
        return {
            "tool": self.tool,
            "args": {path: bound.content() for path, bound in self.args.items()},
            "unattended": unattended
            if not isinstance(unattended, dict)
            else {path: bound.content() for path, bound in unattended.items()},
        }


def _checks(bounds: Mapping[str, Bound]) -> Checks:
    return tuple((tuple(path.split(".")), bound.fault) for path, bound in bounds.items())


def _outside(checks: Checks, values: Mapping[str, Any]) -> Iterator[FieldError]:
    for path, fault in checks:
        if len(path) == 1:
            told = fault(values.get(path[0]))
            if told is not None:
                yield FieldError(show_path(path), told)
            continue
        for place, value in values_at(values, path):
            told = fault(value)
            if told is not None:
                yield FieldError(show_path(place), told)


def allow(
    tool: Tool | Callable[..., Any] | str,
    /,
    *,
    unattended: bool | Literal["vouched"] | Mapping[str, Any] = False,
    **narrowings: Any,
) -> Allowance:
    """Put a tool on a workflow's list, narrowed.

    Args:
        tool: a function under `@tool`, a Tool, or the name of one that is registered with the runtime.
        unattended: the calls that pass without a person: True for all, bounds by argument, such as
            `{"amount": at_most("50.00")}`, or "vouched" for those of which provenance vouches for every value.
        narrowings: a bound for an argument (`amount=at_most("200.00")`); a plain value means exactly that. A
            value inside an argument goes by its path: `**{"address.country": one_of("DE", "FR")}`.

    Raises:
        ConfigurationError: a bound is wrong, or the function is not under `@tool`.
    """
    found = None if isinstance(tool, str) else tool if isinstance(tool, Tool) else tool_of(tool)
    name = tool if found is None else found.name
    made = Allowance.model_validate({"tool": name, "args": narrowings, "unattended": unattended})
    made._declared = found
    return made
