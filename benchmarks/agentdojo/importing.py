"""AgentDojo's functions as Licet tools."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_type_hints

from agentdojo.functions_runtime import Function, TaskEnvironment  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from licet.tools import Effect, Injected, Tool, Trust, declare

_PLAIN: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What AgentDojo does not say of a function, and Licet wants to know.

    Attributes:
        parameters: markers by parameter: a role with its kind, `NotSecret`.
        shapes: types by parameter, where AgentDojo's own says less than its docstring.
        result: who wrote what comes back.
        returns: the type of what comes back, with a mark for each field, where there is more to say; the result is
            then given as plain data.
        preview: a hook that says what an irreversible call would do.
    """

    effect: Effect
    result: Trust
    parameters: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    shapes: Mapping[str, Any] = field(default_factory=dict)
    idempotent: bool = False
    preview: Callable[..., str] | None = None
    returns: Any = None


def import_tools(functions: Sequence[Function], declarations: Mapping[str, Declaration]) -> list[Tool]:
    """Each function as a tool, declared as the table says.

    Raises:
        ValueError: the table and the functions do not match.
    """
    names = {function.name for function in functions}
    if names != declarations.keys():
        raise ValueError(f"declared and not there, or the other way round: {names ^ declarations.keys()}")
    return [import_tool(function, declarations[function.name]) for function in functions]


def import_tool(function: Function, declaration: Declaration) -> Tool:
    """The function as a tool.

    What AgentDojo fills from the environment (`Depends`) comes from the environment that is injected for the
    run, and is nothing that a model could give.

    Raises:
        ToolError: it cannot be a tool.
    """
    plain = declaration.returns is not None

    async def call(environment: TaskEnvironment, **arguments: Any) -> Any:
        given = {
            name: dependency.extract_dep_from_env(environment)
            for name, dependency in function.dependencies.items()
        }
        result = function.run(**given, **arguments)
        return _PLAIN.dump_python(result, mode="json") if plain else result

    hints = get_type_hints(function.run, include_extras=True)
    own = inspect.signature(function.run)
    parameters = [
        inspect.Parameter(
            "environment",
            inspect.Parameter.KEYWORD_ONLY,
            annotation=Annotated[TaskEnvironment, Injected],
        )
    ]
    for name, parameter in own.parameters.items():
        if name not in function.dependencies:
            shape = declaration.shapes.get(name, hints[name])
            annotation = _marked(shape, declaration.parameters.get(name, ()))
            parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=annotation))
    returns = declaration.returns if plain else hints.get("return", str)
    returns = _marked(returns, (declaration.result,))
    call.__signature__ = own.replace(parameters=parameters, return_annotation=returns)  # type: ignore[attr-defined]
    call.__doc__ = function.full_docstring
    call.__module__, call.__qualname__ = function.run.__module__, function.name
    unknown = {*declaration.parameters, *declaration.shapes} - {parameter.name for parameter in parameters}
    if unknown:
        raise ValueError(f"{function.name} has no parameter {', '.join(sorted(unknown))}")
    return declare(
        call,
        name=function.name,
        effect=declaration.effect,
        idempotent=declaration.idempotent,
        preview=declaration.preview,
        source="agentdojo",
    )


def _marked(annotation: Any, marks: Sequence[Any]) -> Any:
    return Annotated[(annotation, *marks)] if marks else annotation
