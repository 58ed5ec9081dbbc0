"""The gate: the single way to a tool.

`Gate.call` takes a proposal through the stages of `licet.runtime.stages`. What a stage holds up is recorded by
`licet.runtime.verdicts`; what passes is carried out by `licet.runtime.execution`. Whatever comes of it, its record
is durable before anybody sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

from licet.audit.errors import JournalDamaged, JournalError
from licet.policies import PolicyUnavailable
from licet.runtime.call import Call, Deny, Halt, Park, deny
from licet.runtime.execution import begin_read, intend, leave_in_doubt, perform, permit, read
from licet.runtime.offering import offer_tools
from licet.runtime.outcomes import Outcome
from licet.runtime.results import outcome_of
from licet.runtime.stages import STAGES, Services
from licet.runtime.verdicts import conclude


class Gate:
    """Takes calls through the stages, in the order in which each run proposed them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._owned: set[asyncio.Task[Any]] = set()

    async def call(self, call: Call) -> Outcome:
        """Take one call from proposal to outcome.

        Before its intent a call ends when the caller is cancelled. From the intent on the runtime owns it, and a
        caller that is cancelled only lets go of it.

        Raises:
            AppendRefused: another worker has the run.
        """
        run = call.run
        if call.call_id in run.under_way:
            return await asyncio.shield(run.under_way[call.call_id])
        await run.admission.acquire()
        admitted = False
        try:
            if call.call_id in run.under_way:
                return await asyncio.shield(run.under_way[call.call_id])
            known = self._on_record(call)
            if known is not None:
                return await self._own(known)
            halt = await self._decide(call)
            if halt is not None:
                self._services.enter("conclude", call.call_id)
                return await self._own(conclude(call, halt, self._services))
            if call.needs_permit:
                self._services.enter("intent", call.call_id)
                intent = intend(call, self._services)
                admitted = True
                return await self._own(self._carry_out(call, intent), call)
            begin_read(call)
        finally:
            if not admitted:
                run.admission.release()
        return await read(call, self._services)

    async def drain(self) -> None:
        """Wait for what is under way, so that a runtime that ends leaves nothing without its outcome."""
        while self._owned:
            await asyncio.wait(self._owned)

    def _on_record(self, call: Call) -> Coroutine[Any, Any, Outcome] | None:
        """What is known already of a call that somebody may have taken on while this one waited its turn.

        A permit without an outcome and without anybody at work on it may have had its effect, so it is not given
        twice; only recovery says which calls may be repeated.
        """
        state = call.run.state.calls.get(call.call_id)
        if state is None:
            return None
        if state.settled or state.status == "in_doubt":
            return _recorded(call)
        if state.status == "permitted" and call.call_id not in call.run.repeatable:
            cause = "it was permitted, and its outcome is not on record"
            return leave_in_doubt(call.run, call.call_id, cause, self._services)
        return None

    async def _decide(self, call: Call) -> Halt | None:
        if call.run.offered_by != self._services.engine.revision:
            halt = await self._offer(call)
            if halt is not None:
                return halt
        services = self._services
        for name, stage in STAGES:
            services.enter(name, call.call_id)
            try:
                halt = await stage(call, services)
            except JournalError:
                raise
            except Exception as error:
                return deny(
                    name, "licet.stage.failed", f"the stage failed: {type(error).__name__}", visible=False
                )
            if halt is not None:
                return halt
            if call.decision is not None and call.decision.revision != call.run.offered_by:
                # Other policies came into force on the way: what decided is what has to offer the tool.
                halt = await self._offer(call)
                if halt is not None:
                    return halt
        return None

    async def _offer(self, call: Call) -> Halt | None:
        """Let the policy that is in force say which tools the run is offered, and hold up a call of another."""
        try:
            await offer_tools(call.run, self._services)
        except JournalError:
            raise
        except PolicyUnavailable as error:
            return Park(str(error))
        except Exception as error:
            message = f"the stage failed: {type(error).__name__}"
            return deny("offered", "licet.stage.failed", message, visible=False)
        hidden = call.run.state.hidden.get(call.tool_name)
        return None if hidden is None else Deny("offered", hidden)

    async def _carry_out(self, call: Call, intent: Awaitable[object]) -> Outcome:
        try:
            halt = await permit(call, intent)
            if halt is not None:
                return await conclude(call, halt, self._services)
        finally:
            call.run.admission.release()
        return await perform(call, self._services)

    async def _own(self, work: Coroutine[Any, Any, Outcome], carries_out: Call | None = None) -> Outcome:
        """Do `work` in a task of the gate's own, which a cancelled caller leaves behind at work."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()
        task = loop.create_task(_deliver(work, answer))
        self._owned.add(task)
        if carries_out is not None:
            carries_out.run.under_way[carries_out.call_id] = task

        def ended(_: asyncio.Task[Outcome]) -> None:
            self._owned.discard(task)
            if carries_out is not None:
                carries_out.run.under_way.pop(carries_out.call_id, None)
            if not answer.done():  # the task was taken down
                answer.cancel()
            elif not answer.cancelled() and not task.cancelled():
                task.exception()  # whoever called was told it

        task.add_done_callback(ended)
        return await answer


async def _deliver(work: Coroutine[Any, Any, Outcome], answer: asyncio.Future[Outcome]) -> Outcome:
    """Answer as soon as the outcome is there, which is sooner than a task tells of its end."""
    try:
        outcome = await work
    except Exception as error:
        if answer.done():
            raise
        answer.set_exception(error)
        raise
    if not answer.done():
        answer.set_result(outcome)
    return outcome


async def _recorded(call: Call) -> Outcome:
    state = call.run.state.calls[call.call_id]
    outcome = outcome_of(call.run.state, state)
    if outcome is None:
        raise JournalDamaged(f"call {call.call_id} of run {call.run.id} is {state.status} without an outcome")
    return outcome
