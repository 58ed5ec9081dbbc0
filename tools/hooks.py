"""What a tool's author adds beside the function: price, preview, authorize, resource, check_outcome.

A hook is an ordinary function, sync or async. Each of its parameters is named as an argument of the tool, or
is `Annotated[T, Injected]`, or is annotated `ToolContext`. Hooks only read, and each has a deadline. Each
gets values of its own, so that one which changes them changes nothing of what is judged and run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

import orjson

from licet.audit.canonical import Json, canonical
from licet.tools.arguments import Arguments
from licet.tools.context import ToolContext
from licet.tools.errors import FieldError, HookFailed, HookTimeout, MissingProvider, ToolError
from licet.tools.exact_numbers import NumberRefused, check_size
from licet.tools.injection import Injector
from licet.tools.invocation import TimeIsUp, call_within
from licet.tools.plain_values import attribute_values, canonical_values
from licet.tools.signature import (
    Function,
    Needs,
    check_kind,
    injected_type,
    is_injected,
    resolve,
    takes_context,
    title_of,
)

HOOK_SECONDS = 5.0
"""How long a hook may take."""

MAX_ANSWER = 100_000
"""The most bytes that a preview or a resource may have as JSON."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refused:
    """What `authorize` answers instead of False, to say why. The model reads `message` only when `visible` is
    set.
    """

    message: str
    visible: bool = False


class Nonsense(Exception):
    """A hook answered what it may not. The message says what it may."""


class Hook(Generic[T]):
    """A hook bound to its tool's parameters; call it with the arguments, the context and the injector.

    Attributes:
        needs: what it asks to be injected.

    Raises (when called):
        HookTimeout: it did not answer in time.
        HookFailed: it raised, or its answer is not of the kind it should be. The cause is attached.
        MissingProvider: nothing provides what it asks for.
    """

    def __init__(
        self,
        tool: str,
        name: str,
        function: Function,
        arguments: tuple[str, ...],
        needs: Needs,
        read_answer: Callable[[Any], T],
    ) -> None:
        self.needs = needs
        self._tool = tool
        self._name = name
        self._function = function
        self._arguments = arguments
        self._read_answer = read_answer

    async def __call__(
        self, arguments: Arguments, context: ToolContext, injector: Injector, *, seconds: float = HOOK_SECONDS
    ) -> T:
        """The hook's answer, checked."""
        try:
            values = arguments.copies(self._arguments)
            answer = await call_within(seconds, self._function, values, self.needs, context, injector)
            return self._read_answer(answer)
        except TimeIsUp:
            raise HookTimeout(self._tool, self._name, f"did not answer within {seconds:g} s") from None
        except Nonsense as error:
            raise HookFailed(self._tool, self._name, f"{error}") from None
        except MissingProvider:
            raise
        except Exception as error:
            raise HookFailed(self._tool, self._name, f"raised {type(error).__name__}") from error


class Constant(Hook[T]):
    """A hook that always answers the same."""

    def __init__(self, value: T) -> None:
        self.needs = Needs({}, ())
        self._value = value

    async def __call__(
        self, arguments: Arguments, context: ToolContext, injector: Injector, *, seconds: float = HOOK_SECONDS
    ) -> T:
        """The value."""
        return self._value


@dataclass(frozen=True, slots=True)
class Hooks:
    """The hooks of a tool; None where its author declared none.

    Attributes:
        price: what the call costs, USD.
        preview: what would happen, in words or as JSON.
        authorize: True, or why not.
        resource: attributes of what the call is about: JSON values, and Decimals. One called `tenant` says whose it
            is: the call is denied when that is another tenant than the principal's. None: nobody's.
        check_outcome: whether a call in doubt happened; None: it cannot tell.
    """

    price: Hook[Decimal] | None = None
    preview: Hook[str | dict[str, Json]] | None = None
    authorize: Hook[bool | Refused] | None = None
    resource: Hook[dict[str, Any]] | None = None
    check_outcome: Hook[bool | None] | None = None

    def needs(self) -> tuple[Needs, ...]:
        """What they ask to be injected."""
        hooks = (self.price, self.preview, self.authorize, self.resource, self.check_outcome)
        return tuple(hook.needs for hook in hooks if hook is not None)


def bind(
    tool: str,
    name: str,
    function: Any,
    parameters: Mapping[str, Any],
    local_names: Mapping[str, Any],
    read_answer: Callable[[Any], T],
) -> Hook[T]:
    """Binds a hook to a tool by the names of its parameters.

    Raises:
        ToolError: it is no function, or one of its parameters is nothing that the tool could give.
    """
    if not callable(function):
        raise ToolError(f"{tool}: {name} must be a function, not {type(function).__name__}")
    title = f"{tool}: {name} hook {title_of(function)}"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(f"{title} yields; a hook returns its answer")
    arguments, injected, context = [], {}, []
    for parameter in inspect.signature(function).parameters.values():
        check_kind(title, parameter)
        annotation = parameter.annotation
        if annotation is not inspect.Parameter.empty:
            annotation = resolve(title, f"parameter {parameter.name}", function, annotation, local_names)
        if takes_context(annotation):
            context.append(parameter.name)
        elif is_injected(annotation):
            injected[parameter.name] = injected_type(title, parameter.name, annotation)
        elif parameter.name in parameters:
            arguments.append(parameter.name)
        else:
            raise ToolError(
                f"{title}: parameter {parameter.name} is no argument of the tool "
                f"({', '.join(parameters) or 'it has none'}); name it as one, or annotate it ToolContext "
                "or Annotated[T, Injected]"
            )
    needs = Needs(injected, tuple(context), inspect.iscoroutinefunction(function))
    return Hook(tool, name, function, tuple(arguments), needs, read_answer)


def bind_price(
    tool: str, price: Any, parameters: Mapping[str, Any], local_names: Mapping[str, Any]
) -> Hook[Decimal]:
    """A price in USD, or a hook that gives it.

    Raises:
        ToolError: a price that is no amount; a float, which cannot hold cents.
    """
    if callable(price):
        return bind(tool, "price", price, parameters, local_names, read_price)
    try:
        return Constant(read_price(price))
    except Nonsense:
        raise ToolError(
            f'{tool}: price is in USD: write Decimal("0.01"), or a function that returns a Decimal'
        ) from None


def read_price(answer: Any) -> Decimal:
    """A price: a Decimal, or text of one; finite, not negative, and of no more digits than any exact number."""
    try:
        price = Decimal(answer) if isinstance(answer, Decimal | str | int) and answer is not True else None
        if price is not None and price.is_finite():
            check_size(price)  # 1E+999999 takes half a minute to become a whole number of units
    except InvalidOperation:
        price = None
    except NumberRefused as error:
        raise Nonsense(f"must answer a price in USD, and answers one that {error}") from None
    if price is None or isinstance(answer, bool) or not price.is_finite() or price < 0:
        raise Nonsense("must answer a Decimal of USD that is finite and not negative")
    return price


def read_authorization(answer: Any) -> bool | Refused:
    """True, or why not. Anything but True, False and Refused is nonsense, and whoever asked denies."""
    if answer is True or isinstance(answer, Refused):
        return answer
    if answer is False:
        return Refused("the tool's own authorization refuses it")
    raise Nonsense('must answer True, False or Refused("why")')


def read_preview(answer: Any) -> str | dict[str, Json]:
    """Text, or JSON by name; decimals as text."""
    if not isinstance(answer, str | Mapping):
        raise Nonsense("must answer text, or a dict of JSON values")
    faults: list[FieldError] = []
    plain = canonical_values(answer, faults)
    try:
        size = len(canonical(plain))
    except ValueError:
        raise Nonsense("answers what is not JSON") from None
    _check_answer(faults, size)
    shown: str | dict[str, Json] = plain
    return shown


def read_resource(answer: Any) -> dict[str, Any]:
    """Attributes for policy: JSON values, and Decimals, which policy gets as exact JSON numbers."""
    if not isinstance(answer, Mapping):
        raise Nonsense("must answer a dict of JSON values")
    faults: list[FieldError] = []
    attributes: dict[str, Any] = attribute_values(answer, faults)
    try:
        size = len(orjson.dumps(attributes, default=str))
    except (TypeError, orjson.JSONEncodeError):
        raise Nonsense("answers what is not JSON") from None
    _check_answer(faults, size)
    return attributes


def read_outcome(answer: Any) -> bool | None:
    """Whether the effect happened; None: the hook cannot tell."""
    if answer is None or isinstance(answer, bool):
        return answer
    raise Nonsense("must answer True (it happened), False (it did not) or None (cannot tell)")


def _check_answer(faults: list[FieldError], size: int) -> None:
    if faults:
        raise Nonsense(f"answers what is not JSON: {faults[0]}")
    if size > MAX_ANSWER:
        raise Nonsense(f"answers more than {MAX_ANSWER} bytes")
