"""`licet run`."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from licet.runtime.cli.app_loading import load_runtime
from licet.runtime.cli.options import App, AsJson, Database, Policies


def run(
    workflow: Annotated[str, typer.Argument(help="Its name, or NAME@VERSION.", metavar="WORKFLOW")],
    input: Annotated[str, typer.Argument(help="What to work on; - reads it from stdin.", metavar="INPUT")],
    app: App,
    subject: Annotated[str, typer.Option("--subject", help="For whom the agent acts.", metavar="ID")],
    tenant: Annotated[
        str, typer.Option("--tenant", help="Whose data it works on.", metavar="NAME")
    ] = "default",
    role: Annotated[
        list[str] | None, typer.Option("--role", help="A role of theirs; can be given several times.")
    ] = None,
    database: Database = None,
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Let a workflow's model work on an input, until it has an answer or has to wait."""
    from licet.runtime.cli.results import show_result
    from licet.runtime.outcomes import RunResult
    from licet.tools import Principal

    runtime = load_runtime(app, database, policies)
    principal = Principal(subject, tenant, frozenset(role or ()))
    given = sys.stdin.read() if input == "-" else input

    async def work() -> RunResult:
        async with runtime:
            return await runtime.run(workflow, given, principal)

    raise typer.Exit(show_result(asyncio.run(work()), json))
