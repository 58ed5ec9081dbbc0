"""Printing what a run came to, and the exit code for it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from licet.audit.clock import timestamp
from licet.runtime.cli.terminal import as_json, data, safe, say
from licet.runtime.outcomes import Answered, InDoubt, RunFailed, RunResult, Stopped, Suspended


def show_result(result: RunResult, json: bool) -> int:
    """Print the result. Returns the exit code: 0 when the run is answered or waits, else 1."""
    if json:
        as_json({"type": type(result).__name__, **_plain(asdict(result))})
    else:
        _print(result)
    return 0 if isinstance(result, Answered | Suspended) else 1


def _print(result: RunResult) -> None:
    match result:
        case Answered():
            say(f"Answered ({result.status})", "green")
            if result.message:
                say(data(result.message), indent=2)
            if result.answer is not None:
                say(data(_plain(result.answer)), indent=2)
        case Suspended():
            say(f"Suspended: {safe(result.detail)}", "yellow")
            for request_id in result.approvals:
                say(f"licet approvals show {request_id}", indent=2)
        case Stopped():
            say(f"Stopped by {safe(result.rule) or 'a person'}: {safe(result.reason)}", "red")
        case InDoubt():
            say(f"InDoubt: {safe(result.tool)} ({result.call_id}) may or may not have happened", "red")
            say(safe(result.cause), indent=2)
            say(f"From {timestamp(result.reconcile_after)} on a person can say which:", indent=2)
            say(
                f"licet runs reconcile {result.run_id} {result.call_id} --happened --evidence ...",
                indent=2,
            )
        case RunFailed():
            say(f"RunFailed: {safe(result.reason)}", "red")
    say(f"run {result.run_id}", "dim")
    if not isinstance(result, InDoubt):
        spent = result.spent
        say(
            f"{spent.steps} model requests, {spent.tokens:,} tokens, {spent.calls} calls, {spent.usd:f} USD",
            "dim",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return timestamp(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value
