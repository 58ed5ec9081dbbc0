"""Declaring a tool: `@tool` on an ordinary typed function, which stays what it was."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import PydanticUserError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import SchemaError

from licet.audit.canonical import Json
from licet.tools.arguments import ArgumentReader, BadDefault
from licet.tools.contract_hash import contract_hash, normal_schema
from licet.tools.errors import ToolError
from licet.tools.exact_schema import Unserialisable
from licet.tools.hooks import (
    Hooks,
    bind,
    bind_price,
    read_authorization,
    read_outcome,
    read_preview,
    read_resource,
)
from licet.tools.results import ResultWriter
from licet.tools.roles import Parameter, read_parameter, read_result_marks
from licet.tools.signature import Function, FunctionSignature, read_signature, title_of
from licet.tools.tool import Effect, Tool

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__licet_tool__"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def tool(
    *,
    effect: Effect,
    name: str | None = None,
    version: str = "1",
    idempotent: bool = False,
    timeout: float = 30.0,
    price: Decimal | str | Function | None = None,
    preview: Function | None = None,
    authorize: Function | None = None,
    resource: Function | None = None,
    check_outcome: Function | None = None,
    owner: str | None = None,
    tags: Iterable[str] = (),
    permit_lifetime: float | None = None,
) -> Callable[[F], F]:
    """Makes a function a tool. The function itself is returned, unchanged: call it and test it as ever.

    A run that calls it goes through the gate; `tool_of(function)` is what the gate knows of it.

    Args:
        effect: `read`, `write` or `irreversible`.
        name: as the model sees it; the function's own name when left out.
        timeout: seconds.
        price: what a call costs, in USD: a Decimal, text of one, or a hook.
        preview: a hook that says in words or JSON what would happen.
        authorize: a hook that answers True, False or `Refused("why")` for this principal and these arguments.
        resource: a hook that gives attributes of what the call is about, for policy.
        check_outcome: a hook that looks whether a call in doubt happened: True, False, or None for "cannot
            tell".
        permit_lifetime: seconds a permit lasts.

    Raises:
        ToolError: the function cannot be a tool; the message says why and what to write instead.
    """
    options = dict(locals())

    def attach(function: F) -> F:
        around = sys._getframe(1).f_locals
        made = declare(function, **options, local_names=around)
        try:
            setattr(function, _ATTRIBUTE, made)
        except AttributeError:
            raise ToolError(f"{title_of(function)} is no plain function; put @tool on a function") from None
        return function

    return attach


def tool_of(function: Any) -> Tool:
    """The tool that a decorated function is; a Tool is returned as it is.

    Raises:
        ToolError: the function was not declared as one.
    """
    if isinstance(function, Tool):
        return function
    found = getattr(function, _ATTRIBUTE, None)
    if not isinstance(found, Tool):
        raise ToolError(
            f'{title_of(function)} is not a tool; put @tool(effect="read") or another effect on it'
        )
    return found


def index(tools: Iterable[Any]) -> dict[str, Tool]:
    """Tools, or functions that are tools, by name. The same one twice counts once.

    Raises:
        ToolError: two different tools have one name.
    """
    found: dict[str, Tool] = {}
    for item in map(tool_of, tools):
        other = found.setdefault(item.name, item)
        if other is item:
            continue
        both = f"{title_of(other.function)} and {title_of(item.function)}"
        if other.version == item.version:
            raise ToolError(f"{both} are both the tool {item.name}, version {item.version}; rename one")
        raise ToolError(
            f"{both} are versions {other.version} and {item.version} of {item.name}; list only one"
        )
    return found


def declare(
    function: Function,
    *,
    effect: Effect,
    name: str | None = None,
    version: str = "1",
    idempotent: bool = False,
    timeout: float = 30.0,
    price: Decimal | str | Function | None = None,
    preview: Function | None = None,
    authorize: Function | None = None,
    resource: Function | None = None,
    check_outcome: Function | None = None,
    owner: str | None = None,
    tags: Iterable[str] = (),
    permit_lifetime: float | None = None,
    annotations: Mapping[str, Any] | None = None,
    source: str = "python",
    local_names: Mapping[str, Any] | None = None,
) -> Tool:
    """A tool of a function that is somebody else's: nothing is attached to it. See `tool` for the rest.

    Args:
        annotations: by parameter name (or `return`), what stands in for the function's own annotations, such
            as `{"account": Annotated[Account, Injected]}`.
        local_names: names for annotations that are text, beside those of the function's module.

    Raises:
        ToolError: the function cannot be a tool.
    """
    title = title_of(function)
    given: Any = function
    if not callable(given) or isinstance(function, type):
        raise ToolError(f"{title} is no function; put @tool on a function")
    if _ATTRIBUTE in getattr(function, "__dict__", {}) and annotations is None:
        raise ToolError(f"{title} is a tool already; declare it once")
    called: str = getattr(function, "__name__", "") if name is None else name
    _check_settings(title, called, version, effect, timeout, permit_lifetime, owner)
    around = sys._getframe(1).f_locals if local_names is None else local_names
    signature = read_signature(function, annotations or {}, around)
    parameters = {item.name: read_parameter(title, item) for item in signature.arguments}
    marks = read_result_marks(title, signature.returns)
    reader = _reader(title, signature)
    writer = _writer(title, signature)

    def hook(kind: str, given: Function | None, read_answer: Callable[[Any], Any]) -> Any:
        return None if given is None else bind(title, kind, given, parameters, around, read_answer)

    contract: dict[str, Json] = {
        "name": called,
        "version": version,
        "effect": effect,
        "idempotent": bool(idempotent),
        "arguments": normal_schema(reader.contract),
        "parameters": {item.name: _contract_of(item) for item in parameters.values()},
        "result": normal_schema(writer.contract),
        "result_marks": {path: asdict(mark) for path, mark in marks.items()},
    }
    return Tool(
        name=called,
        version=version,
        effect=effect,
        idempotent=bool(idempotent),
        timeout=float(timeout),
        description=signature.description,
        tags=_tags(title, tags),
        owner=owner,
        source=source,
        permit_lifetime=permit_lifetime,
        contract=MappingProxyType(contract),
        contract_hash=contract_hash(contract),
        parameters=MappingProxyType(parameters),
        result_marks=MappingProxyType(marks),
        json_schema=reader.shown,
        hooks=Hooks(
            price=None if price is None else bind_price(title, price, parameters, around),
            preview=hook("preview", preview, read_preview),
            authorize=hook("authorize", authorize, read_authorization),
            resource=hook("resource", resource, read_resource),
            check_outcome=hook("check_outcome", check_outcome, read_outcome),
        ),
        function=function,
        needs=signature.needs,
        _reader=reader,
        _writer=writer,
    )


def _contract_of(parameter: Parameter) -> dict[str, Json]:
    """What the contract hash covers; what came later, only where it is declared, so that older hashes stand."""
    nested: dict[str, Json] = {}
    for path, role in parameter.nested.items():
        nested[path] = {key: value for key, value in asdict(role).items() if key != "narrow" or value}
    return {
        "role": parameter.role,
        "kind": parameter.kind,
        "currency": parameter.currency,
        "string_coded": parameter.string_coded,
        "nested": nested,
        **({"narrow": list(parameter.narrow)} if parameter.narrow else {}),
    }


def _tags(title: str, tags: Iterable[Any]) -> tuple[str, ...]:
    if isinstance(tags, str):
        raise ToolError(f'{title}: tags is a list of names: write tags=["{tags}"]')
    found = tuple(tags)
    if not all(isinstance(tag, str) and tag for tag in found):
        raise ToolError(f"{title}: each tag is text that is not empty")
    return tuple(dict.fromkeys(found))


def _check_settings(
    title: str, name: Any, version: Any, effect: Any, timeout: Any, permit_lifetime: Any, owner: Any
) -> None:
    if effect not in get_args(Effect):
        raise ToolError(f'{title}: effect is "read", "write" or "irreversible"')
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ToolError(
            f"{title}: a tool's name has at most 64 letters, digits, _ and -, and begins with no digit; "
            "give name=..."
        )
    if not isinstance(version, str) or not version.strip():
        raise ToolError(f'{title}: version is text that is not empty, such as "1"')
    if not _is_duration(timeout):
        raise ToolError(f"{title}: timeout is a number of seconds above 0")
    if permit_lifetime is not None and not _is_duration(permit_lifetime):
        raise ToolError(f"{title}: permit_lifetime is a number of seconds above 0")
    if owner is not None and (not isinstance(owner, str) or not owner.strip()):
        raise ToolError(f"{title}: owner is text that is not empty, such as a team's address")


def _is_duration(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def _reader(title: str, signature: FunctionSignature) -> ArgumentReader:
    """The reader of the whole signature; where it fails, the first parameter that fails alone is named."""
    try:
        return ArgumentReader(signature.arguments)
    except BadDefault as error:
        raise ToolError(f"{title}: the default of parameter {error.name} {error}") from None
    except _UNREADABLE as error:
        for item in signature.arguments:
            try:
                ArgumentReader([item])
            except _UNREADABLE as own:
                raise ToolError(
                    f"{title}: parameter {item.name} cannot be read from JSON: {_why(own)}"
                ) from None
        raise ToolError(f"{title}: its parameters cannot be read from JSON: {_why(error)}") from None


def _writer(title: str, signature: FunctionSignature) -> ResultWriter:
    try:
        return ResultWriter(signature.returns)
    except _UNREADABLE as error:
        raise ToolError(f"{title}: the result cannot be written as JSON: {_why(error)}") from None


_UNREADABLE = (Unserialisable, PydanticUserError, PydanticSchemaGenerationError, SchemaError)


def _why(error: Exception) -> str:
    return str(error).split("\n\nFor further information")[0].split("Set `arbitrary_types_allowed")[0].strip()
