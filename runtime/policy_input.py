"""The document that policy judges: `policies/schema/input.json` describes it.

What does not change within a run is serialised once; a call adds only its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from licet.audit.clock import timestamp
from licet.runtime.active import ActiveRun
from licet.runtime.call import Call
from licet.tools import FieldRole, Parameter, Tool

_TOOLS: dict[int, tuple[Tool, bytes]] = {}


def build(call: Call, environment: dict[str, Any], now: datetime) -> bytes:
    """The policy input of a call, JSON; decimals in the arguments are exact numbers."""
    run, arguments = call.run, call.arguments
    if run.policy_prefix is None:
        run.policy_prefix = _of_run(run)
    document = {
        "allowance": {
            "listed": True,
            "within": True,
            "unattended": call.allowance.is_unattended(arguments),
        },
        "call": {
            "args": orjson.Fragment(arguments.policy),
            "reason": call.reason,
            "digest": call.digest,
            "provenance": provenance(call.tool, arguments.plain),
        },
        "run": _history(run),
        "context": {"time": timestamp(now), "environment": environment, "resource": call.resource},
    }
    return run.policy_prefix + _of_tool(call.tool) + b"," + orjson.dumps(document, default=_exact)[1:]


def build_offer(run: ActiveRun, tools: list[Tool], environment: dict[str, Any], now: datetime) -> bytes:
    """The policy input by which a run is offered these tools: that of a call, but for the tool and the call."""
    listed = b",".join(map(_of_tool, tools))
    rest = {
        "run": _history(run),
        "context": {"time": timestamp(now), "environment": environment, "resource": None},
    }
    before = _of_run(run).removesuffix(b'"tool":')
    return before + b'"tools":[' + listed + b"]," + orjson.dumps(rest, default=_exact)[1:]


def provenance(tool: Tool, plain: Any) -> dict[str, dict[str, Any]]:
    """For each scalar in the arguments, by JSON Pointer (RFC 6901): the role and kind its author declared."""
    marks: dict[str, dict[str, Any]] = {}
    for name, value in plain.items():
        parameter = tool.parameters[name]
        for path, pointer in _leaves(value, (), f"/{_escape(name)}"):
            declared = _declared(parameter, path)
            marks[pointer] = {"role": declared.role, "kind": declared.kind, "labels": [], "sources": []}
    return marks


def _declared(parameter: Parameter, path: tuple[str, ...]) -> Parameter | FieldRole:
    """The role declared for a place inside an argument, or for the nearest one above it."""
    for length in range(len(path) if parameter.nested else 0, 0, -1):
        for pattern, role in parameter.nested.items():
            steps = pattern.split("/")
            if len(steps) == length and all(
                step in ("*", part) for step, part in zip(steps, path, strict=False)
            ):
                return role
    return parameter


def _leaves(value: Any, path: tuple[str, ...], pointer: str) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key), f"{pointer}/{_escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, str(index)), f"{pointer}/{index}")
    else:
        yield path, pointer


def _escape(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _of_run(run: ActiveRun) -> bytes:
    workflow, principal, agent = run.workflow, run.user, run.acting
    return (
        orjson.dumps(
            {
                "principal": {
                    "subject": principal.subject,
                    "tenant": principal.tenant,
                    "roles": sorted(principal.roles),
                    "attributes": dict(principal.attributes),
                },
                "agent": {
                    "id": agent.id,
                    "model": workflow.model,
                    "roles": None if agent.roles is None else sorted(agent.roles),
                },
                "workflow": {
                    "name": workflow.name,
                    "version": workflow.version,
                    "owner": workflow.owner,
                    "risk": workflow.risk,
                    "mode": workflow.mode,
                },
            },
            default=_exact,
        )[:-1]
        + b',"tool":'
    )


def _of_tool(tool: Tool) -> bytes:
    known = _TOOLS.get(id(tool))
    if known is None or known[0] is not tool:
        document = orjson.dumps(
            {
                "name": tool.name,
                "version": tool.version,
                "effect": tool.effect,
                "idempotent": tool.idempotent,
                "contract_hash": tool.contract_hash,
                "tags": list(tool.tags),
                "source": tool.source,
            }
        )
        known = _TOOLS[id(tool)] = (tool, document)
    return known[1]


def _history(run: ActiveRun) -> dict[str, Any]:
    state, limits = run.state, run.workflow.limits
    calls = state.started_calls.total()
    return {
        "id": state.run_id,
        "step": state.steps,
        "counts": state.outcomes,
        "calls": state.recent,
        "labels": [],
        "spent": {"usd": state.spent, "tokens": state.tokens, "calls": calls},
        "remaining": {
            "usd": None if limits.spend is None else limits.spend - state.spent,
            "tokens": None if limits.tokens is None else limits.tokens - state.tokens,
            "calls": limits.calls - calls,
        },
        "approvals": state.granted,
    }


def _exact(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}".encode())
    raise TypeError(f"{type(value).__name__} has no place in a policy input")
