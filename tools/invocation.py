"""Calling a tool's function: in a thread where it is synchronous, within its time, with its things closed
after.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine, Generator
from contextlib import AsyncExitStack
from types import coroutine
from typing import Any

from anyio import to_thread

from licet.tools.context import ToolContext
from licet.tools.errors import MissingProvider, NotStarted
from licet.tools.injection import Injector
from licet.tools.signature import Function, Needs


class TimeIsUp(Exception):
    """The time is over. `started`: the function had begun."""

    def __init__(self, started: bool) -> None:
        super().__init__()
        self.started = started


async def call_within(
    seconds: float,
    function: Function,
    values: dict[str, Any],
    needs: Needs,
    context: ToolContext,
    injector: Injector,
) -> Any:
    """Calls `function` with `values` and what is injected.

    An async function that is late is cancelled. A sync one runs in a worker thread with the caller's context variables;
    late or cancelled, it is abandoned: it runs on in its thread and nobody waits for it. One that had not begun by then
    never begins. Context managers of providers are closed in any case, outside the time limit; one that swallows the
    function's exception does not turn it into a result.

    Raises:
        TimeIsUp: `seconds` are over.
        NotStarted: a provider failed, and the function was never called.
        BaseException: whatever the function, a provider, or its closing raises.
    """
    turn = _Turn()
    if not needs.injected:
        return await _attempt(seconds, _given(function, values, needs, context, injector, None, turn), turn)
    raised: BaseException | None = None
    async with AsyncExitStack() as stack:
        try:
            running = _given(function, values, needs, context, injector, stack, turn)
            return await _attempt(seconds, running, turn)
        except BaseException as error:
            raised = error
            raise
    raise raised or RuntimeError("unreachable")


async def _attempt(seconds: float, running: Coroutine[Any, Any, Any], turn: _Turn) -> Any:
    when = asyncio.get_running_loop().time() + seconds
    limit: asyncio.Timeout | None = None
    try:
        # Most of what a timer costs is its making: what never waits for anything needs none.
        try:
            waits_for = running.send(None)
        except StopIteration as ended:
            return ended.value
        async with asyncio.timeout_at(when) as limit:
            return await _rest(running, waits_for)
    except TimeoutError as error:
        if limit is not None and limit.expired():
            raise TimeIsUp(turn.taken()) from None
        raise error from None
    except Exception as error:
        if turn.taken():
            raise
        raise _not_started(error) from error
    except BaseException:
        turn.taken()
        raise


async def _given(
    function: Function,
    values: dict[str, Any],
    needs: Needs,
    context: ToolContext,
    injector: Injector,
    stack: AsyncExitStack | None,
    turn: _Turn,
) -> Any:
    if needs.injected or needs.context:
        values = {**values, **await injector.give(needs, context, stack or AsyncExitStack())}
    if needs.awaited:
        turn.take()
        return await function(**values)
    answer = await to_thread.run_sync(_in_thread, function, values, turn, abandon_on_cancel=True)
    return await answer if inspect.isawaitable(answer) else answer


@coroutine
def _rest(running: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """What is left of a coroutine that has begun and now waits; PEP 380 says how `yield from` does the same."""
    while True:
        try:
            sent = yield waits_for
        except GeneratorExit:
            running.close()
            raise
        except BaseException as error:
            try:
                waits_for = running.throw(error)
            except StopIteration as ended:
                return ended.value
        else:
            try:
                waits_for = running.send(sent)
            except StopIteration as ended:
                return ended.value


def _not_started(error: Exception) -> Exception:
    return error if isinstance(error, MissingProvider) else NotStarted(error)


def _in_thread(function: Function, arguments: dict[str, Any], turn: _Turn) -> Any:
    if not turn.take():
        return None  # it was given up before this thread came to it
    return function(**arguments)


class _Turn:
    """Settles, between a worker thread and the loop that gives up on it, whether the function begins."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = [None]

    def take(self) -> bool:
        """Whether it may begin; list.pop is atomic, so only one side gets it."""
        try:
            self._left.pop()
        except IndexError:
            return False
        return True

    def taken(self) -> bool:
        """Whether it had begun; if not, it never will."""
        return not self.take()
