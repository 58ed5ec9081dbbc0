"""A governed run for those who bring their own agent: propose a call, get a typed outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from licet.audit.errors import LicetError
from licet.runtime.active import ActiveRun
from licet.runtime.call import Call
from licet.runtime.ending import finish, suspend
from licet.runtime.errors import UnknownCall
from licet.runtime.gate import Gate
from licet.runtime.offering import offer_tools
from licet.runtime.outcomes import Outcome
from licet.runtime.results import outcome_of
from licet.runtime.reviewing import proposed, revisit
from licet.runtime.stages import Services
from licet.tools import InvalidArguments, raw_arguments

RAW_MOST = 2_000_000
"""Bytes of a call's arguments that are kept as they were given. More is refused by every tool, and kept by none."""


class Session:
    """One run, driven by the caller. `Runtime.session` makes it."""

    def __init__(self, run: ActiveRun, gate: Gate, services: Services) -> None:
        self._run = run
        self._gate = gate
        self._services = services
        # The last number and not how many: a call that was cancelled before its first record used one up too.
        numbers = (call_id.removeprefix("c") for call_id in run.state.calls)
        self._proposed = max((int(number) for number in numbers if number.isdecimal()), default=0)

    @property
    def id(self) -> str:
        """The run's id; with it the session can be taken up again, in any process."""
        return self._run.id

    async def tools(self) -> list[str]:
        """The names of the tools that this run is offered now: those of its workflow that policy does not hide.

        Raises:
            PolicyUnavailable: the service that holds the policy is down or slow.
        """
        async with self._run.admission:
            if self._run.offered_by != self._services.engine.revision:
                await offer_tools(self._run, self._services)
        hidden = self._run.state.hidden
        return [listed.tool for listed in self._run.workflow.tools if listed.tool not in hidden]

    async def call(self, tool: str, arguments: Mapping[str, Any] | str, *, reason: str = "") -> Outcome:
        """Propose a call, and take it through the gate.

        Args:
            tool: the name of a tool that the workflow lists.
            arguments: by name, or as the JSON text that a model wrote.
            reason: why the agent wants it; reviewers and the audit trail show it.

        Returns:
            `Executed`, `Denied`, `Pending`, `Failed`, `InDoubt` or, where the mode lets no effect happen, `Suggested`.

        Raises:
            FenceLost: another process has taken the run over.
        """
        self._proposed += 1
        reason = reason.encode(errors="replace").decode()
        call_id = f"c{self._proposed}"
        try:
            raw, unreadable = raw_arguments(arguments), None
        except InvalidArguments as error:
            raw, unreadable = b"null", error
        kept = raw.decode(errors="replace") if len(raw) <= RAW_MOST else "null"
        proposals = {"calls": [{"call_id": call_id, "raw": kept}], "reason": reason}
        call = Call(
            run=self._run,
            call_id=call_id,
            tool_name=tool[:128],
            raw=raw,
            reason=reason,
            unreadable=unreadable,
            proposals=orjson.dumps(proposals),
        )
        return await self._gate.call(call)

    async def outcome(self, call_id: str) -> Outcome:
        """What has come of a call by now. One that was approved meanwhile is executed, once.

        Raises:
            UnknownCall: the session has no such call.
        """
        self._run.catch_up()
        state = self._run.state.calls.get(call_id)
        if state is None:
            raise UnknownCall(f"run {self.id} has no call {call_id}")
        if state.status == "waiting":
            return await revisit(self._gate, self._run, state, self._services)
        if state.status in ("proposed", "permitted"):
            return await self._gate.call(proposed(self._run, state))
        outcome = outcome_of(self._run.state, state)
        if outcome is None:
            raise LicetError(f"call {call_id} of run {self.id} has no outcome on record yet; ask again")
        return outcome

    async def advance(self) -> str:
        """Take on every call that was left: approved ones run, interrupted ones are decided again.

        Returns what came of them, in words.
        """
        settled: list[str] = []
        for state in list(self._run.state.calls.values()):
            if not state.settled and state.status != "in_doubt" and self._run.state.status == "running":
                await self.outcome(state.call_id)
                settled.append(f"{state.tool} ({state.call_id}) is {state.status}")
        return ", ".join(settled) or "nothing was left to do"

    async def close(self, *, leave_open: str | None = None) -> None:
        """Let go of the run: it waits when a call of it does, or when `leave_open` says why; else it is finished.

        What is under way is waited for, unless the run is left open.
        """
        state, clock = self._run.state, self._services.clock
        if leave_open is None:
            await self._run.settled()
        if state.status != "running":
            return
        waiting, unsettled = state.waiting(), state.open_permits()
        if waiting:
            names = ", ".join(f"{call.tool} ({call.call_id})" for call in waiting)
            await suspend(self._run, clock, "approval", f"waits for a person: {names}")
        elif unsettled:
            names = ", ".join(f"{call.tool} ({call.call_id})" for call in unsettled)
            await suspend(self._run, clock, "released", f"the outcome is not on record: {names}")
        elif leave_open is not None:
            await suspend(self._run, clock, "released", leave_open)
        else:
            await finish(self._run, clock, "closed", "the session ended")
