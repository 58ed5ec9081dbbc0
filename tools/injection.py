"""Giving a tool what a model must never choose or see: clients, sessions, the call's context."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from dataclasses import replace
from typing import Any

from licet.tools.context import ToolContext
from licet.tools.errors import MissingProvider, ToolError
from licet.tools.signature import Needs

Provide = Callable[[ToolContext], Any]


class Injector:
    """What is injected, by type.

    A provider is an instance, or a callable that takes nothing or a ToolContext and returns the value, an
    awaitable of it, or a (sync or async) context manager that gives it and is closed when the call ends. A
    value that already is of the type is given as it is and never closed, even where it happens to be a
    context manager. Synchronous
    providers run on the event loop: one that waits should be async.

    Raises:
        ToolError: a provider that is neither.
    """

    def __init__(self, providers: Mapping[Any, Any] | None = None) -> None:
        self._providers: dict[Any, Provide] = {
            kind: _provide(kind, provider) for kind, provider in (providers or {}).items()
        }

    def missing(self, kinds: Iterable[Any]) -> list[Any]:
        """Those of the types that nothing provides, each once, in order."""
        return [kind for kind in dict.fromkeys(kinds) if kind not in self._providers]

    async def give(self, needs: Needs, context: ToolContext, stack: AsyncExitStack) -> dict[str, Any]:
        """The injected arguments by parameter name; what must be closed is pushed on `stack`.

        The context is the function's own: what it changes inside the principal's attributes stays there.

        Raises:
            MissingProvider: nothing provides a type.
        """
        if needs.context or needs.injected:
            principal = context.principal.copy()
            context = context if principal is context.principal else replace(context, principal=principal)
        given: dict[str, Any] = dict.fromkeys(needs.context, context)
        for name, kind in needs.injected.items():
            provide = self._providers.get(kind)
            if provide is None:
                raise MissingProvider(
                    f"nothing provides {_name(kind)}, which parameter {name} asks for; "
                    f"add it: inject={{{_name(kind)}: ...}}"
                )
            value = provide(context)
            if inspect.isawaitable(value) and not _of(value, kind):
                value = await value
            if not _of(value, kind):
                if isinstance(value, AbstractAsyncContextManager):
                    value = await stack.enter_async_context(value)
                elif isinstance(value, AbstractContextManager):
                    value = stack.enter_context(value)
            given[name] = value
        return given


def _provide(kind: Any, provider: Any) -> Provide:
    if _of(provider, kind):
        return lambda context: provider
    if not callable(provider):
        raise ToolError(
            f"the provider of {_name(kind)} is neither an instance of it nor a callable that returns one"
        )
    if inspect.isgeneratorfunction(provider) or inspect.isasyncgenfunction(provider):
        raise ToolError(
            f"the provider of {_name(kind)} yields; put @contextmanager or @asynccontextmanager on it, "
            "so that it is closed"
        )
    try:
        required = [
            parameter
            for parameter in inspect.signature(provider).parameters.values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):  # some built-in classes have no signature
        required = []
    if len(required) > 1 or any(parameter.kind is parameter.KEYWORD_ONLY for parameter in required):
        raise ToolError(f"the provider of {_name(kind)} takes more than a ToolContext; wrap it in a function")
    if required:
        call: Provide = provider
        return call
    return lambda context: provider()


def _of(value: Any, kind: Any) -> bool:
    try:
        return isinstance(value, kind)
    except TypeError:  # a generic alias or a protocol that cannot be checked at run time
        return False


def _name(kind: Any) -> str:
    return str(getattr(kind, "__qualname__", kind))
