"""Reading a function's signature: what the model fills, what is injected, what comes back."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from docstring_parser import parse

from licet.tools.annotations import split
from licet.tools.arguments import REQUIRED, Argument
from licet.tools.context import ToolContext
from licet.tools.errors import ToolError
from licet.tools.markers import Injected

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Needs:
    """How the runtime calls a function.

    Attributes:
        injected: types by the names of the parameters that get something of them.
        context: the parameters that take the context.
        awaited: it is an async function; any other is called in a thread.
    """

    injected: Mapping[str, Any]
    context: tuple[str, ...]
    awaited: bool = False


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """A tool's function as its signature and docstring describe it."""

    description: str
    arguments: tuple[Argument, ...]
    needs: Needs
    returns: Any


def read_signature(
    function: Function, overrides: Mapping[str, Any], local_names: Mapping[str, Any]
) -> FunctionSignature:
    """The signature of a tool's function.

    Args:
        overrides: annotations, by parameter name or `return`, that stand in for the function's own.
        local_names: names around the function's definition, for annotations that are text.

    Raises:
        ToolError: a parameter or the result is untyped, or of a kind a call by name cannot fill.
    """
    title = title_of(function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(f"{title} yields; a tool returns one result: return a list")
    signature = inspect.signature(function)
    for name in overrides:
        if name != "return" and name not in signature.parameters:
            raise ToolError(f"{title} has no parameter {name}, which annotations names")
    docs = parse(inspect.getdoc(function) or "")
    described = {item.arg_name: " ".join((item.description or "").split()) for item in docs.params}
    arguments, injected, context = [], {}, []
    for name, parameter in signature.parameters.items():
        check_kind(title, parameter)
        written = overrides.get(name, parameter.annotation)
        if written is inspect.Parameter.empty:
            raise ToolError(f"{title}: parameter {name} has no annotation; write {name}: str, or what it is")
        annotation = resolve(title, f"parameter {name}", function, written, local_names)
        if takes_context(annotation):
            context.append(name)
        elif is_injected(annotation):
            injected[name] = injected_type(title, name, annotation)
        else:
            refuse_any(title, f"parameter {name}", annotation)
            default = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
            arguments.append(Argument(name, annotation, described.get(name, ""), default))
    written = overrides.get("return", signature.return_annotation)
    if written is inspect.Signature.empty:
        raise ToolError(f"{title} has no return annotation; write -> None, or what it returns")
    returns = resolve(title, "the result", function, written, local_names)
    refuse_any(title, "the result", returns)
    description = "\n\n".join(text for text in (docs.short_description, docs.long_description) if text)
    needs = Needs(injected, tuple(context), inspect.iscoroutinefunction(function))
    return FunctionSignature(description, tuple(arguments), needs, returns)


def title_of(function: Function) -> str:
    """The function's name as error messages give it."""
    name = getattr(function, "__qualname__", None) or type(function).__name__
    return f"{getattr(function, '__module__', '?')}.{name}"


def check_kind(title: str, parameter: inspect.Parameter) -> None:
    """Refuses parameters that cannot be given by name.

    Raises:
        ToolError: it is positional-only, `*args` or `**kwargs`.
    """
    name = parameter.name
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise ToolError(
            f"{title}: parameter {name} is positional-only; arguments are given by name, remove the /"
        )
    if parameter.kind is parameter.VAR_POSITIONAL:
        raise ToolError(f"{title}: *{name} takes what no schema can say; write {name}: list[...]")
    if parameter.kind is parameter.VAR_KEYWORD:
        raise ToolError(f"{title}: **{name} takes what no schema can say; write each parameter out")


def resolve(
    title: str, what: str, function: Function, annotation: Any, local_names: Mapping[str, Any]
) -> Any:
    """An annotation with every name in it looked up: in the function's module, its closure and around it.

    Raises:
        ToolError: a name is not found.
    """
    inner = inspect.unwrap(function)
    code = getattr(inner, "__code__", None)
    closure: dict[str, Any] = {}
    for name, cell in zip(
        getattr(code, "co_freevars", ()), getattr(inner, "__closure__", None) or (), strict=False
    ):
        try:
            closure[name] = cell.cell_contents
        except ValueError:  # not yet filled: the name is given below the function
            continue
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        hints = get_type_hints(
            holder, getattr(inner, "__globals__", {}), {**local_names, **closure}, include_extras=True
        )
    except NameError as error:
        raise ToolError(
            f"{title}: {what}: its annotation names {error.name}, which is not known when the tool is "
            "declared; import it at the top of the module, not under TYPE_CHECKING, and before the function"
        ) from None
    except (TypeError, SyntaxError, AttributeError) as error:
        raise ToolError(f"{title}: {what}: its annotation cannot be read: {error}") from None
    return hints["it"]


def takes_context(annotation: Any) -> bool:
    """Whether a parameter so annotated takes the ToolContext."""
    return split(annotation)[0] is ToolContext


def is_injected(annotation: Any) -> bool:
    """Whether a parameter so annotated is given by the runtime."""
    return any(mark is Injected or isinstance(mark, Injected) for mark in split(annotation)[1])


def injected_type(title: str, name: str, annotation: Any) -> Any:
    """The type under which a provider is looked up.

    Raises:
        ToolError: it is no type that a provider can be registered for.
    """
    kind = split(annotation)[0]
    if kind in (Any, object, None, type(None)) or isinstance(kind, TypeVar) or _is_union(kind):
        raise ToolError(
            f"{title}: parameter {name} is Injected but of no one type; write Annotated[YourType, Injected]"
        )
    return kind


def refuse_any(title: str, what: str, annotation: Any) -> None:
    """Refuses an annotation that says nothing.

    Raises:
        ToolError: it is Any, object or a free type variable.
    """
    kind = split(annotation)[0]
    if kind in (Any, object) or isinstance(kind, TypeVar):
        raise ToolError(
            f"{title}: {what} is {kind}, which says nothing; write what it is, such as dict[str, Any]"
        )


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType) and bool(get_args(kind))
