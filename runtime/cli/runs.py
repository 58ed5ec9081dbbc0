"""`licet runs`: what runs there are, and what to do with one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from licet.runtime.cli.options import (
    App,
    AsJson,
    Database,
    Policies,
    Reason,
    Run,
    Tenant,
    database_url,
)
from licet.runtime.cli.terminal import as_json, safe, say, table

app = typer.Typer(
    help="Look at runs, stop them, go on with them.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_runs(
    tenant: Tenant = None,
    status: Annotated[
        str | None,
        typer.Option("--status", help="Only these: running, suspended or finished.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    database: Database = None,
    json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from licet.audit.clock import timestamp
    from licet.audit.errors import ConfigurationError
    from licet.audit.events import RunFinished, RunStarted, RunSuspended
    from licet.audit.journal import Journal

    if status not in (None, "running", "suspended", "finished"):
        raise ConfigurationError("--status is running, suspended or finished")
    found: list[dict[str, Any]] = []
    with Journal.open(database_url(database)) as journal:
        for head in journal.heads(tenant=tenant, status=status, limit=limit):
            records = journal.read(head.stream)
            first, last = records[0], records[-1].event
            started = first.event
            if not isinstance(started, RunStarted):
                continue
            ended = next((r.event for r in reversed(records) if isinstance(r.event, RunFinished)), None)
            detail = ended.reason if ended else last.detail if isinstance(last, RunSuspended) else ""
            found.append(
                {
                    "run_id": head.stream,
                    "tenant": head.tenant,
                    "workflow": started.workflow,
                    "version": started.version,
                    "subject": started.subject,
                    "status": head.status,
                    "outcome": ended.status if ended else None,
                    "detail": detail,
                    "started_at": timestamp(first.time),
                    "last_at": timestamp(records[-1].time),
                }
            )
    if json:
        as_json(found)
    elif not found:
        say("There are no such runs.")
    else:
        table(
            ["run", "tenant", "workflow", "for", "status", "started", "detail"],
            [
                [
                    run["run_id"],
                    run["tenant"],
                    f"{run['workflow']} {run['version']}",
                    run["subject"],
                    run["outcome"] or run["status"],
                    run["started_at"][:19].replace("T", " "),
                    run["detail"],
                ]
                for run in found
            ],
        )


@app.command("show")
def show(run: Run, tenant: Tenant = None, database: Database = None, json: AsJson = False) -> None:
    """Show how a run stands, and its calls. `licet audit explain` tells the whole story."""
    from licet.audit.explain import explain
    from licet.audit.journal import Journal
    from licet.runtime.cli.story_view import show_head

    with Journal.open(database_url(database)) as journal:
        story = explain(journal, run, tenant=tenant)
    if json:
        document = story.to_json()
        for call in document["calls"]:
            del call["moments"]
        as_json(document)
        return
    show_head(story)
    if story.calls:
        say()
        table(
            ["call", "tool", "status", "why"],
            [[call.call_id, call.tool, call.status, call.why] for call in story.calls],
        )


@app.command("stop")
def stop(run: Run, reason: Reason, tenant: Tenant = None, database: Database = None) -> None:
    """Stop a run: nothing of it starts any more."""
    from licet.approvals import local_reviewer
    from licet.audit.events import Actor
    from licet.audit.explain import find_run
    from licet.audit.journal import Journal
    from licet.runtime.switches import stop_run

    with Journal.open(database_url(database)) as journal:
        run_id = find_run(journal, run, tenant=tenant)
        stop_run(journal, run_id, reason=reason, actor=Actor(kind="operator", id=local_reviewer().id))
        head = journal.head(run_id)
    if head is not None and head.status == "finished":
        say(f"Run {run_id} is stopped.")
    else:
        say(f"Nothing of run {run_id} starts any more; it ends with the next thing it would do.")


@app.command("resume")
def resume(
    run: Run,
    app: App,
    tenant: Tenant = None,
    database: Database = None,
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Go on with a run that waits, or whose process died. The exact calls that were approved run, once."""
    raise typer.Exit(resume_run(run, app, database, policies, json, tenant))


@app.command("reconcile")
def reconcile_call(
    run: Run,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call in doubt, such as s1c2.")],
    happened: Annotated[
        bool, typer.Option("--happened/--not-happened", help="Whether it did happen.", show_default=False)
    ],
    evidence: Annotated[
        str, typer.Option("--evidence", help="How you know; it is recorded.", metavar="TEXT")
    ],
    tenant: Tenant = None,
    database: Database = None,
) -> None:
    """Say whether a call in doubt happened, once you have found out."""
    from licet.approvals import local_reviewer
    from licet.audit.explain import find_run
    from licet.audit.journal import Journal
    from licet.runtime.recovery import reconcile

    with Journal.open(database_url(database)) as journal:
        run_id = find_run(journal, run, tenant=tenant)
        reconcile(journal, run_id, call, happened=happened, evidence=evidence, reviewer=local_reviewer())
    found = "happened" if happened else "did not happen"
    say(f"Recorded: {safe(call)} {found}. `licet runs resume {run_id} --app MODULE:RUNTIME` goes on.")


def resume_run(
    run: str, app: str, database: str | None, policies: Any, json: bool, tenant: str | None = None
) -> int:
    """Go on with a run over the application's own runtime; print what it comes to. Returns the exit code."""
    from licet.audit.explain import find_run
    from licet.audit.journal import Journal
    from licet.runtime.cli.app_loading import load_runtime
    from licet.runtime.cli.results import show_result
    from licet.runtime.outcomes import RunResult

    runtime = load_runtime(app, database, policies)
    # A journal that is not there is not made by going on with a run of it.
    with Journal.open(runtime.database) as journal:
        run_id = find_run(journal, run, tenant=tenant)

    async def work() -> RunResult:
        async with runtime:
            return await runtime.resume(run_id)

    return show_result(asyncio.run(work()), json)
