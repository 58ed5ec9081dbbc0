"""Which of the workflow's tools a run is offered: policy may hide some, and adds none."""

from __future__ import annotations

from licet.audit.clock import new_id
from licet.audit.events import ToolsOffered
from licet.policies import Offer, PolicyUnavailable
from licet.runtime.active import ActiveRun
from licet.runtime.policy_input import build_offer
from licet.runtime.stages import Services


async def offer_tools(run: ActiveRun, services: Services) -> None:
    """See that the policy that is in force has said which tools the run is offered; the run's state then holds it.

    Policy is asked when a worker takes the run on, and when another policy set has come into force. What it says is
    recorded when it is not what the run was offered before. An engine that fails offers nothing, and is asked again
    the next time.

    Raises:
        PolicyUnavailable: the service that holds the policy, or what knows of the tenant, is down or slow.
        FenceLost: another worker has the run.
    """
    if run.state.status != "running":
        return
    names = [allowance.tool for allowance in run.workflow.tools]
    tools = [services.tools[name] for name in names if name in services.tools]
    so_far = run.provenance(services.tools).so_far()
    tenant_data = await services.tenants.facts(run.principal.tenant)
    engine = services.engine  # only now: other policies may have come into force while the facts did
    input = build_offer(run, tools, so_far, services.environment, tenant_data, services.clock.now())
    decision_id = new_id()
    try:
        offer = await engine.offered(input, decision_id)
    except PolicyUnavailable:
        raise
    except Exception as error:
        cause = f"the engine failed: {type(error).__name__}"
        offer = Offer(decision_id, engine.revision, engine.name, cause=cause)
    hidden = offer.hidden(names)
    if hidden != run.state.hidden:
        event = ToolsOffered(
            decision_id=offer.decision_id,
            revision=offer.revision,
            engine=offer.engine,
            hidden=hidden,
            cause=offer.cause,
        )
        await run.append(run.draft(event, {"policy_input": input}))
    run.offered_by = offer.revision if offer.cause is None else None
