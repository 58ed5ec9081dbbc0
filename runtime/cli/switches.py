"""`licet kill` and `licet unkill`."""

from __future__ import annotations

from typing import Annotated

import typer

from licet.runtime.cli.options import Database, Reason, database_url
from licet.runtime.cli.terminal import safe, say

Scope = Annotated[
    str,
    typer.Argument(metavar="SCOPE", help="all, workflow:NAME, tool:NAME, model:NAME or run:ID."),
]
OfTenant = Annotated[
    str | None,
    typer.Option(
        "--tenant", help="For this tenant alone; otherwise for all.", metavar="NAME", show_default=False
    ),
]


def kill(scope: Scope, reason: Reason, tenant: OfTenant = None, database: Database = None) -> None:
    """Let nothing in SCOPE start any more, in any process, from now on."""
    _switch(scope, reason, tenant, database, off=True)


def unkill(scope: Scope, reason: Reason, tenant: OfTenant = None, database: Database = None) -> None:
    """Take back a `licet kill` of the same SCOPE and tenant."""
    _switch(scope, reason, tenant, database, off=False)


def _switch(scope: str, reason: str, tenant: str | None, database: str | None, *, off: bool) -> None:
    from licet.approvals import local_reviewer
    from licet.audit.events import Actor
    from licet.audit.journal import Journal
    from licet.runtime.switches import switch

    with Journal.open(database_url(database)) as journal:
        actor = Actor(kind="operator", id=local_reviewer().id)
        switch(journal, scope, off=off, reason=reason, actor=actor, tenant=tenant)
        state = "switched off" if off else "switched on"
        say(f"{safe(scope)} is {state} {f'for tenant {safe(tenant)}' if tenant else 'for every tenant'}.")
        still = None if off else journal.killed(tenant or "", (scope,))
        if still is not None:
            say(f"It still does not start: {safe(str(still))}", "yellow")
