"""What the model is sent: the run's story so far, as pydantic-ai messages, from nothing but the run's state."""

from __future__ import annotations

import json
from typing import Any

import orjson
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from licet.audit.events import CallDenied, CallFailed, CallReconciled, CallWithheld
from licet.runtime.output import OutputContract
from licet.runtime.state import CallState, RunState, Turn
from licet.runtime.workflow import Workflow
from licet.tools import Tool

FINAL_ANSWER = "final_answer"
"""The tool by which the model gives its final answer. No tool of a workflow may have this name."""


def messages(state: RunState, workflow: Workflow) -> list[ModelMessage]:
    """All that the model is sent with its next request."""
    instructions = workflow.prompt or None
    given = orjson.loads(state.input)
    text = given if isinstance(given, str) else orjson.dumps(given).decode()
    story: list[ModelMessage] = [
        ModelRequest(parts=[UserPromptPart(content=text)], instructions=instructions)
    ]
    for turn in state.turns:
        story.extend(ModelMessagesTypeAdapter.validate_json(turn.response))
        answers = _answers(turn, state)
        if answers:
            story.append(ModelRequest(parts=answers, instructions=instructions))
    return story


def parameters(tools: list[Tool], contract: OutputContract, *, text_will_do: bool) -> ModelRequestParameters:
    """The tools the model is offered, and the one by which it answers."""
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name, description=tool.description, parameters_json_schema=tool.json_schema
            )
            for tool in tools
        ],
        output_tools=[
            ToolDefinition(
                name=FINAL_ANSWER,
                description="Give your final answer. Call it once, alone, when nothing is left to do.",
                parameters_json_schema=contract.json_schema,
                kind="output",
            )
        ],
        output_mode="tool",
        allow_text_output=text_will_do,
    )


def dumped(story: list[ModelMessage]) -> bytes:
    """The messages as JSON: what a request's digest and the bound on its size are taken over."""
    return ModelMessagesTypeAdapter.dump_json(story)


def dumped_response(response: ModelResponse) -> bytes:
    """A response as it is kept, so that it can be sent back to its provider unchanged."""
    return ModelMessagesTypeAdapter.dump_json([response])


def _answers(turn: Turn, state: RunState) -> list[ModelRequestPart]:
    parts: list[ModelRequestPart] = [
        _answer(state.calls[call_id]) for call_id in turn.call_ids if state.calls[call_id].settled
    ]
    for refusal in turn.refusals:
        text = orjson.loads(refusal)
        if turn.final_id is not None:
            parts.append(
                ToolReturnPart(
                    tool_name=FINAL_ANSWER, content=text, tool_call_id=turn.final_id, outcome="retried"
                )
            )
        else:
            parts.append(UserPromptPart(content=text))
    return parts


def _answer(call: CallState) -> ToolReturnPart:
    outcome, content = told(call)
    part = ToolReturnPart(tool_name=call.tool, content=content, outcome=outcome)  # type: ignore[arg-type]
    if call.provider_id is not None:
        part.tool_call_id = call.provider_id
    return part


def told(call: CallState) -> tuple[str, Any]:
    """What the model is told of a call: how it ended, and the result or the reasons it may read."""
    match call.last:
        case CallDenied() as denied:
            visible = [reason.message for reason in denied.reasons if reason.visible_to_model]
            return "denied", {"denied": " ".join(visible) or "This call is not permitted."}
        case CallFailed() as failed:
            return "failed", {"failed": failed.message}
        case CallWithheld():
            return "denied", {"not_executed": "This run only suggests calls. The suggestion is recorded."}
        case CallReconciled() as reconciled:
            if reconciled.happened:
                return "success", {"result": None, "note": "It happened; its result is not known."}
            return "failed", {"failed": "It did not happen."}
        case _:
            return "success", _result(call)


def _result(call: CallState) -> Any:
    result = orjson.loads(call.result) if call.result is not None else None
    if not call.edited:
        return result
    return {
        "result": result,
        "note": "A reviewer changed the arguments before approving; this is what was executed. "
        "Do not propose the original call again.",
        "executed_arguments": json.loads(call.raw, parse_float=str),
    }
