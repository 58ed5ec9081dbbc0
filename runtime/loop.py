"""The loop: ask the model, take what it proposes through the gate, until there is an answer or a reason to stop.

It holds no state of its own. Each turn reads the run's state and does the next thing it calls for, so a run goes on
from wherever its journal ends.
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import orjson
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.settings import ModelSettings

from licet.audit.canonical import canonical, sha256
from licet.audit.errors import BudgetExceeded, FenceLost, KilledBySwitch, Unrecordable
from licet.audit.events import (
    ModelFailed,
    ModelRequested,
    ModelResponded,
    OutputRefused,
    ProposedCall,
)
from licet.audit.records import Charge
from licet.policies import PolicyUnavailable
from licet.runtime.active import ActiveRun
from licet.runtime.budgets import reservation, settlement
from licet.runtime.call import End
from licet.runtime.conversation import FINAL_ANSWER, dumped, dumped_response, messages, parameters
from licet.runtime.ending import finish, suspend
from licet.runtime.gate import Gate
from licet.runtime.models import Priced, cost_of, model_of, most_it_costs
from licet.runtime.offering import offer_tools
from licet.runtime.outcomes import RunResult
from licet.runtime.output import InvalidOutput
from licet.runtime.results import result_of
from licet.runtime.reviewing import proposed, revisit
from licet.runtime.stages import Services
from licet.runtime.state import CallState, Turn
from licet.runtime.stop_rules import run_over, spend_over

if TYPE_CHECKING:
    from pydantic_ai.models import Model

TOOL_NAME_MOST = 128
"""Characters of a tool's name as a model writes it that are kept; no registered tool has a longer one."""

REASON_MOST = 2000
"""Characters of what the model says beside its calls that are kept as its reason."""


class Loop:
    """Drives one run over one model."""

    def __init__(self, run: ActiveRun, gate: Gate, services: Services, model: Model | Priced) -> None:
        self._run = run
        self._gate = gate
        self._services = services
        self._model = model
        self._contract = run.workflow.output_contract
        self._text_will_do = run.workflow.output is None
        self._tools = [
            services.tools[allowance.tool]
            for allowance in run.workflow.tools
            if allowance.tool in services.tools
        ]

    async def drive(self) -> RunResult:
        """Go on until the run is finished or waits.

        Raises:
            FenceLost: another worker has taken the run over.
        """
        state = self._run.state
        while state.status == "running":
            turn = state.turns[-1] if state.turns else None
            if turn is not None and not turn.refusals:
                await self._settle_calls(turn)
                if state.status != "running":
                    break
                if await self._suspend_when_waiting(turn) or await self._finish(turn):
                    break
            end = run_over(self._run, self._services.clock.now())
            if end is not None:
                await self._end(end)
                break
            if self._run.offered_by != self._services.engine.revision:
                try:
                    await offer_tools(self._run, self._services)
                except PolicyUnavailable as error:
                    await suspend(self._run, self._services.clock, "policy_unavailable", str(error))
                    break
            await self._ask_model()
        return result_of(state, self._run.workflow)

    async def _settle_calls(self, turn: Turn) -> None:
        state = self._run.state
        side_by_side: list[CallState] = []
        for call_id in turn.call_ids:
            call = state.calls[call_id]
            if call.settled or call.status == "in_doubt":
                continue
            tool = self._services.tools.get(call.tool)
            if tool is not None and tool.effect == "read" and call.status == "proposed":
                side_by_side.append(call)
                continue
            await self._together(side_by_side)
            side_by_side = []
            if state.status != "running":
                return
            if call.status == "waiting":
                await revisit(self._gate, self._run, call, self._services)
            else:
                await self._gate.call(proposed(self._run, call))
            if state.status != "running":
                return
        await self._together(side_by_side)

    async def _together(self, calls: list[CallState]) -> None:
        if not calls:
            return
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    group.create_task(self._gate.call(proposed(self._run, call)))
        except* FenceLost as lost:
            raise lost.exceptions[0] from None

    async def _suspend_when_waiting(self, turn: Turn) -> bool:
        waiting = [
            self._run.state.calls[call_id]
            for call_id in turn.call_ids
            if self._run.state.calls[call_id].status == "waiting"
        ]
        if not waiting:
            return False
        names = ", ".join(f"{call.tool} ({call.call_id})" for call in waiting)
        await suspend(self._run, self._services.clock, "approval", f"waits for a person: {names}")
        return True

    async def _finish(self, turn: Turn) -> bool:
        """Take the final answer, if the turn gave one and nothing else; otherwise say why not."""
        run = self._run
        if turn.final is None and turn.call_ids:
            return False
        problem: str
        if turn.final is None:
            problem = f"Nothing was proposed. Call a tool, or answer with {FINAL_ANSWER}."
        elif turn.call_ids:
            problem = "The answer came together with calls. Read their results, then answer again, alone."
        else:
            try:
                answer = self._contract.parse(turn.final)
            except InvalidOutput as error:
                problem = str(error)
            else:
                clock = self._services.clock
                await finish(run, clock, answer.status, "the agent gave its answer", output=answer.encoded)
                return True
        attempts = sum(len(earlier.refusals) for earlier in run.state.turns)
        if attempts >= run.workflow.limits.repairs:
            reason = f"The final answer did not validate after {attempts} repairs."
            await finish(run, self._services.clock, "failed", reason)
            return True
        refused = OutputRefused(step=turn.step, attempt=attempts + 1)
        await run.append(run.draft(refused, {"errors": canonical(problem)}))
        return False

    async def _ask_model(self) -> None:
        run, state, limits = self._run, self._run.state, self._run.workflow.limits
        if state.steps >= limits.steps:
            await self._end(End("limits.steps", f"The run has taken {state.steps} steps, its limit."))
            return
        story = messages(state, run.workflow)
        shown = [tool for tool in self._tools if tool.name not in state.hidden]
        offered = parameters(shown, self._contract, text_will_do=self._text_will_do)
        request = dumped(story) + orjson.dumps(
            [tool.parameters_json_schema for tool in offered.function_tools + offered.output_tools]
            + [tool.description for tool in offered.function_tools]
        )
        most_in, most_out = len(request), run.workflow.max_output_tokens
        if limits.tokens is not None and state.tokens + most_in + most_out > limits.tokens:
            left = limits.tokens - state.tokens
            await self._end(
                End("limits.tokens", f"A request of up to {most_in + most_out} tokens; {left} are left.")
            )
            return
        cost = most_it_costs(self._model, most_in, most_out)
        over = spend_over(run, cost, "The next model request costs") if cost is not None else None
        if over is not None:
            await self._end(over)
            return
        now = self._services.clock.now()
        event = ModelRequested(
            step=state.steps + 1,
            model=run.workflow.model or "",
            model_id=model_of(self._model).model_name,
            prompt_hash=run.workflow.prompt_hash,
            request_digest=sha256(state.salt + request),
            reserved_input=most_in,
            reserved_output=most_out,
            reserved_cost=f"{cost or 0:f}",
        )
        charges = reservation(run, cost, now) if cost is not None else ()
        scopes = (f"workflow:{run.workflow.name}", f"model:{run.workflow.model}", f"run:{run.id}")
        try:
            await run.append(run.draft(event), scopes=scopes, charges=charges)
        except KilledBySwitch as switch:
            await self._end(End(f"switch.{switch.scope}", switch.reason))
            return
        except BudgetExceeded as exceeded:
            await self._end(End(f"budgets.{exceeded.budget}", str(exceeded)))
            return
        left_seconds = limits.wall_clock - state.worked(now).total_seconds()
        try:
            async with asyncio.timeout(max(left_seconds, 0)):
                response = await model_request(
                    model_of(self._model),
                    story,
                    model_settings=ModelSettings(max_tokens=most_out),
                    model_request_parameters=offered,
                )
        except Exception as error:
            await self._model_failed(event, error, charges)
            return
        try:
            await self._responded(event, response, charges)
        except (TypeError, ValueError, Unrecordable) as error:
            failed = ModelFailed(step=event.step, error=type(error).__name__[:100], sent=True)
            reason = "The model's response is nothing that can be recorded."
            await finish(run, self._services.clock, "failed", reason, run.draft(failed))

    async def _responded(
        self, asked: ModelRequested, response: ModelResponse, charges: tuple[Charge, ...]
    ) -> None:
        run, usage = self._run, response.usage
        used_in, used_out = (_count(tokens) for tokens in (usage.input_tokens, usage.output_tokens))
        measured = bool(used_in or used_out)
        cost = cost_of(self._model, usage) if measured else None
        if cost is None or not cost.is_finite() or cost < 0:
            cost = Decimal(asked.reserved_cost)
        if not measured:
            used_in, used_out = asked.reserved_input, asked.reserved_output
        calls: list[ProposedCall] = []
        kept: list[dict[str, str]] = []
        final: str | None = None
        final_id: str | None = None
        said = _text("\n".join(part.content for part in response.parts if isinstance(part, TextPart))).strip()
        for part in response.parts:
            if not isinstance(part, ToolCallPart):
                continue
            raw = _text(part.args if isinstance(part.args, str) else json.dumps(part.args or {}))
            if part.tool_name == FINAL_ANSWER:
                final, final_id = raw, _text(part.tool_call_id)
                continue
            call_id = f"s{asked.step}c{len(calls) + 1}"
            calls.append(ProposedCall(call_id=call_id, tool=_text(part.tool_name)[:TOOL_NAME_MOST]))
            kept.append({"call_id": call_id, "raw": raw, "provider_id": _text(part.tool_call_id)})
        if final is None and not calls and said and self._text_will_do:
            final = orjson.dumps({"status": "done", "message": said}).decode()
        proposals = {"calls": kept, "reason": said[:REASON_MOST], "final": final, "final_id": final_id}
        event = ModelResponded(
            step=asked.step,
            model_id=_text(response.model_name or asked.model_id),
            input_tokens=used_in,
            output_tokens=used_out,
            cost=f"{cost:f}",
            overran=used_in > asked.reserved_input or used_out > asked.reserved_output,
            calls=tuple(calls),
            finish_reason=response.finish_reason,
        )
        await run.append(
            run.draft(
                event,
                {"response": dumped_response(response), "proposals": orjson.dumps(proposals)},
                by=run.agent,
            ),
            charges=settlement(charges, cost),
        )

    async def _model_failed(
        self, asked: ModelRequested, error: Exception, charges: tuple[Charge, ...]
    ) -> None:
        free = isinstance(error, ModelHTTPError) and 400 <= error.status_code < 500
        event = ModelFailed(step=asked.step, error=type(error).__name__, sent=not free)
        back = settlement(charges, Decimal(0)) if free else ()
        await self._run.append(self._run.draft(event), charges=back)
        end = run_over(self._run, self._services.clock.now())
        if end is not None:
            await self._end(end)
            return
        await suspend(
            self._run,
            self._services.clock,
            "model_unavailable",
            f"the model request failed ({type(error).__name__})",
        )

    async def _end(self, end: End) -> None:
        await finish(self._run, self._services.clock, "stopped", end.reason, rule=end.rule)


def _text(given: str) -> str:
    """A provider's text as valid Unicode: half of a surrogate pair becomes a question mark."""
    return given.encode(errors="replace").decode()


def _count(tokens: int) -> int:
    """A provider's count of tokens, which gives nothing back and fits a record."""
    return min(max(int(tokens), 0), 2**53 - 1)
