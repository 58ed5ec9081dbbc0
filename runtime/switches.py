"""Kill switches, and stopping one run: journalled, and in force for every worker from the moment they are."""

from __future__ import annotations

import re

from licet.audit.errors import ConfigurationError, HeadMoved
from licet.audit.events import Actor, RunFinished, SwitchedOff, SwitchedOn
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION, Draft, Unit, tenant_stream
from licet.runtime.errors import UnknownRun
from licet.runtime.recovery import load

_SCOPE = re.compile(r"all|(workflow|tool|model|run):\S{1,128}")


def switch(
    journal: Journal, scope: str, *, off: bool, reason: str, actor: Actor, tenant: str | None = None
) -> None:
    """Switch `scope` off or on again, for one tenant or (None) for every tenant.

    Raises:
        ConfigurationError: no such kind of scope.
    """
    if not _SCOPE.fullmatch(scope):
        raise ConfigurationError(
            f"{scope!r} is no scope; say all, workflow:NAME, tool:NAME, model:NAME or run:ID"
        )
    event = SwitchedOff(scope=scope, reason=reason) if off else SwitchedOn(scope=scope, reason=reason)
    stream = INSTALLATION if tenant is None else tenant_stream(tenant)
    journal.append_now(Unit(stream=stream, tenant=tenant or INSTALLATION, drafts=(Draft(event, actor),)))


def stop_run(journal: Journal, run_id: str, *, reason: str, actor: Actor) -> None:
    """Stop one run: nothing of it starts any more, and one that waits is finished now.

    Raises:
        UnknownRun: there is no such run, or it has ended.
    """
    while True:
        state = load(journal, run_id)
        if state.status == "finished":
            raise UnknownRun(f"run {run_id} has ended already")
        scope = f"run:{run_id}"
        if journal.killed(state.tenant, (scope,)) is None:
            switch(journal, scope, off=True, reason=reason, actor=actor, tenant=state.tenant)
        if state.status != "suspended":
            return
        event = RunFinished(
            status="stopped",
            rule=f"switch.{scope}",
            reason=reason,
            active_ms=state.worked_ms(journal.clock.now()),
        )
        unit = Unit(
            stream=run_id,
            tenant=state.tenant,
            drafts=(Draft(event, actor),),
            expect=state.seq,
            takes_claim=True,
            status="finished",
        )
        try:
            journal.append_now(unit)
        except HeadMoved:
            continue
        return
