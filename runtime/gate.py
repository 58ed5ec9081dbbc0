"""The gate: the single way to a tool.

`Gate.call` takes a proposal through the stages of `licet.runtime.stages`. What a stage holds up is recorded by
`licet.runtime.verdicts`; what passes is carried out by `licet.runtime.execution`. Whatever comes of it, its record
is durable before anybody sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from licet.runtime.call import Call, Halt
from licet.runtime.execution import begin_read, perform, permit, read
from licet.runtime.outcomes import Outcome
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
        await call.run.admission.acquire()
        admitted = False
        try:
            halt = await self._decide(call)
            if halt is not None:
                self._enter("conclude", call)
                return await self._own(conclude(call, halt, self._services))
            if call.needs_permit:
                admitted = True
                return await self._own(self._carry_out(call))
            begin_read(call)
        finally:
            if not admitted:
                call.run.admission.release()
        return await read(call, self._services)

    async def drain(self) -> None:
        """Wait for what is under way, so that a runtime that ends leaves nothing without its outcome."""
        while self._owned:
            await asyncio.wait(self._owned)

    async def _decide(self, call: Call) -> Halt | None:
        for name, stage in STAGES:
            self._enter(name, call)
            halt = await stage(call, self._services)
            if halt is not None:
                return halt
        return None

    async def _carry_out(self, call: Call) -> Outcome:
        try:
            self._enter("intent", call)
            halt = await permit(call, self._services)
            if halt is not None:
                return await conclude(call, halt, self._services)
        finally:
            call.run.admission.release()
        return await perform(call, self._services)

    def _enter(self, stage: str, call: Call) -> None:
        self._services.observe(stage, call.call_id)

    async def _own(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        task = asyncio.create_task(work)
        self._owned.add(task)
        task.add_done_callback(self._owned.discard)
        return await asyncio.shield(task)
