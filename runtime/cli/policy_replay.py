"""`licet policy replay` and `licet policy shadow`: what would, and what does, another policy say?"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from licet.runtime.cli.options import AsJson, Database, Policies, Tenant, database_url
from licet.runtime.cli.terminal import as_json, safe, say, table

if TYPE_CHECKING:
    from licet.runtime.policy_changes import ChangeTable
    from licet.runtime.replay import Window

Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="From when on: a duration back from now, such as 7d or 36h, or a date or time (ISO 8601, UTC).",
        metavar="TIME",
        show_default=False,
    ),
]
Until = Annotated[
    str | None,
    typer.Option("--until", help="Up to when, likewise.", metavar="TIME", show_default=False),
]
OfWorkflow = Annotated[
    str | None,
    typer.Option("--workflow", help="Only this workflow's.", metavar="NAME[@VERSION]", show_default=False),
]
OfTool = Annotated[
    str | None, typer.Option("--tool", help="Only of this tool.", metavar="NAME", show_default=False)
]

_CHANGES = {
    "deny_to_allow": "deny to allow",
    "approval_lost": "approval lost",
    "approval_changed": "approval changed",
    "approval_gained": "approval gained",
    "allow_to_deny": "allow to deny",
    "rules_changed": "same, by other rules",
}
_NOT_REPLAYED = {
    "payload_erased": "whose input was erased",
    "older_contract": "whose input is older than the contract",
    "engine_failed": "that were the denial after an engine failed",
}
_EXAMPLES = 3


def replay(
    policies: Policies = None,
    since: Since = None,
    until: Until = None,
    workflow: OfWorkflow = None,
    tool: OfTool = None,
    tenant: Tenant = None,
    max_newly_allowed: Annotated[
        int | None,
        typer.Option(
            "--max-newly-allowed",
            min=0,
            help="Exit 1 when more calls than this would be newly allowed, or might be: those whose input is older"
            " than the contract count too.",
            metavar="N",
            show_default=False,
        ),
    ] = None,
    database: Database = None,
    json: AsJson = False,
) -> None:
    """Ask every recorded decision again, of another policy, and show what would change. Nothing is written."""
    from licet.audit.journal import Journal
    from licet.policies import load
    from licet.runtime.replay import replay as replay_decisions

    meant = window(since, until, workflow, tool, tenant)
    with Journal.open(database_url(database)) as journal:
        found = asyncio.run(replay_decisions(journal, load(policies), meant))
    # What another release recorded and this one cannot ask might be allowed, for all that a build can know.
    might_be = found.newly_allowed + found.not_replayed["older_contract"]
    refused = max_newly_allowed is not None and might_be > max_newly_allowed
    if json:
        as_json({"ok": not refused, "max_newly_allowed": max_newly_allowed, **found.to_json()})
        raise typer.Exit(1 if refused else 0)
    by = f"{len(found.recorded)} policy revisions" if len(found.recorded) != 1 else "1 policy revision"
    say(f"{found.decisions:,} decisions, recorded by {by}, were asked again of revision {found.revision}.")
    say(f"{found.unchanged:,} would be the same, and {found.changes.decisions:,} would change.")
    for reason, count in found.not_replayed.items():
        if count:
            say(f"{count:,} could not be asked again: those {_NOT_REPLAYED[reason]}.", "yellow")
    show_changes(found.changes)
    style = "bold red" if refused else "yellow" if found.newly_allowed else "green"
    bound = "" if max_newly_allowed is None else f" (at most {max_newly_allowed:,} may be)"
    more = f", and {might_be:,} might be" if might_be > found.newly_allowed else ""
    say(f"{found.newly_allowed:,} calls would be newly allowed{more}{bound}.", style)
    raise typer.Exit(1 if refused else 0)


def shadow(
    since: Since = None,
    until: Until = None,
    workflow: OfWorkflow = None,
    tool: OfTool = None,
    tenant: Tenant = None,
    database: Database = None,
    json: AsJson = False,
) -> None:
    """Show what candidates said that were asked in shadow, and where it was not what was decided."""
    from licet.audit.journal import Journal
    from licet.runtime.shadow_report import shadow_reports

    meant = window(since, until, workflow, tool, tenant)
    with Journal.open(database_url(database)) as journal:
        reports = shadow_reports(journal, meant)
    if json:
        as_json({"candidates": [report.to_json() for report in reports]})
        return
    if not reports:
        say("No policy was asked in shadow.")
    for report in reports:
        say(f"Candidate {report.candidate}", "bold")
        say(
            f"{report.agreed:,} times it said the same, and {report.changes.decisions:,} times something else."
        )
        if report.failed:
            why = f"; the last time: {safe(report.failure)}" if report.failure else ""
            say(f"{report.failed:,} times it had no answer{why}.", "yellow")
        if report.dropped:
            say(f"{report.dropped:,} times it was not asked, because too many calls waited for it.", "yellow")
        show_changes(report.changes)


def show_changes(changes: ChangeTable) -> None:
    """Print the table, and what a call to look at is looked at with."""
    rows = changes.rows()
    if not rows:
        return
    cells = []
    for row in rows:
        calls = [f"{example.run_id} {example.call_id}" for example in row.examples[:_EXAMPLES]]
        cells.append(
            [
                f"{_CHANGES[row.kind]} (!)" if row.newly_allowed else _CHANGES[row.kind],
                " ".join(row.rules),
                row.tool,
                row.workflow,
                f"{row.decisions:,}",
                ", ".join(calls) + (", …" if row.decisions > len(calls) else ""),
            ]
        )
    table(["change", "rules", "tool", "workflow", "decisions", "calls to look at"], cells)
    if changes.omitted:
        say(f"and {changes.omitted:,} more changes, by other rules", indent=2)
    first = next((example for row in rows for example in row.examples), None)
    if first is not None:
        say(
            f"(!) newly allowed. Look at a call: licet audit explain {safe(first.run_id)} --call {safe(first.call_id)}"
        )


def window(
    since: str | None, until: str | None, workflow: str | None, tool: str | None, tenant: str | None
) -> Window:
    """What the options of a command select.

    Raises:
        ConfigurationError: a time cannot be read, or the window is empty.
    """
    from licet.audit.errors import ConfigurationError
    from licet.runtime.replay import Window

    now = datetime.now(UTC)
    begin, end = _moment("--since", since, now), _moment("--until", until, now)
    if begin is not None and end is not None and begin >= end:
        raise ConfigurationError("--since is not before --until, so there is nothing between them")
    return Window(begin, end, workflow, tool, tenant)


def _moment(option: str, given: str | None, now: datetime) -> datetime | None:
    from licet.audit.errors import ConfigurationError
    from licet.runtime.limits import seconds

    if given is None:
        return None
    try:
        if given.endswith(("d", "h", "m", "s")):
            return now - timedelta(seconds=seconds(given))
        moment = datetime.fromisoformat(given)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{option} is a duration back from now, such as 7d or 36h and at most 366d, or a date or time such as"
            " 2026-01-31 or 2026-01-31T12:00:00Z"
        ) from None
