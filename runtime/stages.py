"""The stages of the gate, in the order in which every call passes them.

Each is one small unit: it reads what the stages before it found, adds its own to the call, and lets it pass (None)
or holds it up. None of them has an effect on the world, and none of them writes to the journal.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from licet.approvals import (
    Directory,
    ReviewersInvalid,
    ReviewVerifier,
    binding_digest,
    covers,
    fold_requests,
)
from licet.audit.clock import Clock, new_id
from licet.audit.events import Denial
from licet.audit.journal import Journal
from licet.policies import PolicyEngine, PolicyUnavailable
from licet.runtime.call import Ask, Call, Deny, End, Halt, Park, Withhold, deny
from licet.runtime.failures import REFUSED
from licet.runtime.policy_input import build
from licet.runtime.shadow import Shadow
from licet.runtime.spelling import same_values
from licet.runtime.stop_rules import overdrawn, stop_rule
from licet.runtime.tenant_data import Tenants
from licet.tools import (
    HookFailed,
    HookTimeout,
    Injector,
    InvalidArguments,
    MissingProvider,
    Refused,
    Tool,
)

Observer = Callable[[str, str], None]
"""Told the name of each stage, and the call's id, as the call enters it. For measuring and tracing."""


@dataclass(slots=True)
class Services:
    """What the stages ask. One for the whole life of a runtime, in which only `engine` is ever replaced: by
    `licet.runtime.reloading`. A stage takes it from here once for each decision.
    """

    journal: Journal
    engine: PolicyEngine
    tools: dict[str, Tool]
    injector: Injector
    directory: Directory
    verifier: ReviewVerifier
    environment: dict[str, Any]
    tenants: Tenants
    clock: Clock
    observer: Observer | None = None
    shadow: Shadow | None = None

    def enter(self, stage: str, call_id: str) -> None:
        """Tell the observer. One that fails must not come between an effect and its record."""
        if self.observer is not None:
            try:
                self.observer(stage, call_id)
            except Exception:
                log.exception("the observer failed at stage %s of call %s", stage, call_id)


log = logging.getLogger("licet.runtime")

Stage = Callable[[Call, Services], Awaitable[Halt | None]]


async def admit(call: Call, services: Services) -> Halt | None:
    """1. No kill switch covers the call, the run is still going, the workflow lists the tool, and it is offered."""
    state = call.run.state
    if state.status != "running":
        return deny("run", "licet.run.not_running", f"This run is {state.status}; no call can start.")
    killed = services.journal.killed(state.tenant, call.scopes)
    if killed is not None:
        return End(f"switch.{killed.scope}", killed.reason)
    allowance = call.run.workflow.allowance(call.tool_name)
    tool = services.tools.get(call.tool_name)
    if allowance is None or tool is None:
        return deny(
            "allowlist",
            "licet.allowlist.not_listed",
            "There is no such tool here. Use only the tools offered.",
        )
    call.allowance, call.tool = allowance, tool
    hidden = call.run.state.hidden.get(call.tool_name)
    return None if hidden is None else Deny("offered", hidden)


async def read_arguments(call: Call, services: Services) -> Halt | None:
    """2. The arguments are what the tool's signature says, and inside what the workflow allows of it."""
    try:
        if call.unreadable is not None:
            raise call.unreadable
        call.arguments = call.tool.parse(call.raw)
    except InvalidArguments as error:
        return Deny("arguments", _visible("licet.arguments.invalid", error.fields))
    call.arguments_known = True
    outside = call.allowance.outside(call.arguments)
    if outside:
        return Deny("narrowing", _visible("licet.narrowing.outside", outside))
    call.digest = _digest(call, call.arguments.canonical)
    return None


async def within_limits(call: Call, services: Services) -> Halt | None:
    """3. No stop rule holds and the run's own limits have room for one more call."""
    return stop_rule(call, services.clock.now())


async def authorize(call: Call, services: Services) -> Halt | None:
    """4. The tool's own authorization, in code the model can't reach, on live data."""
    hooks = call.tool.hooks
    try:
        if hooks.resource is not None:
            call.resource = await hooks.resource(call.arguments, call.context, services.injector)
            if call.resource.get("tenant") not in (None, call.run.principal.tenant):
                told = "What the call is about belongs to another tenant."
                return deny("authorization", "licet.authorization.other_tenant", told, visible=False)
        if hooks.authorize is None:
            return None
        answer = await hooks.authorize(call.arguments, call.context, services.injector)
        if answer is True and call.run.user is not call.run.principal:
            # With fewer roles than the user has: the user must be allowed it too, should a role of theirs forbid it.
            as_user = replace(call.context, principal=call.run.user)
            answer = await hooks.authorize(call.arguments, as_user, services.injector)
    except HookTimeout as error:
        return Park(str(error))
    except (HookFailed, MissingProvider) as error:
        return deny("authorization", "licet.authorization.failed", str(error), visible=False)
    if answer is True:
        call.authorization = "granted"
        return None
    refused = answer if isinstance(answer, Refused) else Refused("not authorized")
    return deny("authorization", REFUSED, refused.message, visible=refused.visible)


async def decide(call: Call, services: Services) -> Halt | None:
    """5. The policy decision point. Without its answer nothing goes on."""
    now = services.clock.now()
    call.traced = call.run.provenance(services.tools).of(call.tool, call.arguments)
    try:
        tenant_data = await services.tenants.facts(call.run.principal.tenant)
        call.policy_input = build(call, services.environment, tenant_data, now)
        decision = await services.engine.decide(call.policy_input, new_id())
    except PolicyUnavailable as error:
        return Park(str(error))
    call.decision = decision
    if services.shadow is not None:
        services.shadow.ask(call, decision, now)
    if call.tool.effect != "read" and call.run.workflow.mode != "act":
        return Withhold()
    if not decision.allow:
        return Deny("policy", decision.denials)
    return None


async def reserve(call: Call, services: Services) -> Halt | None:
    """6. What the call costs is known, and there is room for it."""
    if call.tool.hooks.price is None:
        return None
    try:
        price = await call.tool.hooks.price(call.arguments, call.context, services.injector)
    except HookTimeout as error:
        return Park(str(error))
    except (HookFailed, MissingProvider) as error:
        return deny("price", "licet.price.failed", str(error), visible=False)
    call.price = price
    return overdrawn(call)


async def review(call: Call, services: Services) -> Halt | None:
    """7. What policy owes to people has been given, for exactly this call, by people who may give it today."""
    decision = call.decision
    assert decision is not None
    principal, asked = call.run.principal, call.state.request_ids if call.state is not None else []
    if not asked:
        if decision.approval is None:
            return None
        try:
            nobody = services.directory.possible(decision.approval, principal.tenant, principal.subject)
        except ReviewersInvalid as error:
            return Park(str(error))
        return Ask(decision.approval) if nobody is None else deny("review", "licet.review.nobody", nobody)
    requests = fold_requests(services.journal.read(call.run.id))
    owed = decision.approval or requests[asked[-1]].owed
    coverage = covers(
        owed,
        [answer for request_id in asked for answer in requests[request_id].answers],
        principal=principal,
        directory=services.directory,
        digest=_reviewed_digest(call),
        keys=services.verifier,
    )
    if not coverage.covered:
        return Ask(owed, void=coverage.why)
    call.request_ids = tuple(asked)
    return None


def _digest(call: Call, arguments: bytes) -> str:
    return binding_digest(
        salt=call.run.state.salt,
        contract_hash=call.tool.contract_hash,
        arguments=arguments,
        principal_digest=call.run.principal_digest,
        workflow_digest=call.run.workflow.digest,
    )


def _reviewed_digest(call: Call) -> str:
    """What the reviews of this very call are bound to: its digest, or that of the edit as the reviewer wrote it.

    A reviewer without the tool at hand may write 60.00 for what the tool reads as 60. Nothing else may differ.
    """
    if call.edited and same_values(orjson.loads(call.raw), call.arguments.plain):
        return _digest(call, call.raw)
    return call.digest


STAGES: tuple[tuple[str, Stage], ...] = (
    ("admit", admit),
    ("arguments", read_arguments),
    ("limits", within_limits),
    ("authorize", authorize),
    ("decide", decide),
    ("reserve", reserve),
    ("review", review),
)
"""The eighth, the intent, is written by `licet.runtime.gate`: it is what the others lead to."""


def _visible(rule: str, fields: Any) -> tuple[Denial, ...]:
    return tuple(
        Denial(rule=rule, message=f"{field.path}: {field.message}", visible_to_model=True) for field in fields
    )
