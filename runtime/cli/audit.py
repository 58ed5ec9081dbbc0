"""`licet audit`: is the journal whole, and what does it say?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from licet.runtime.cli.options import AsJson, Database, Run, Tenant, database_url
from licet.runtime.cli.terminal import as_json, safe, say

app = typer.Typer(help="Check the journal, and read it.", no_args_is_help=True, rich_markup_mode=None)


@app.command("verify")
def verify_journal(database: Database = None, json: AsJson = False) -> None:
    """Check every record, payload and trigger of the journal. It needs no key."""
    from licet.audit.verify import verify

    url = database_url(database)
    found = verify(url)
    if json:
        as_json({"ok": found.ok, "database": url, **asdict(found)})
    else:
        counted = f"{found.records:,} records in {found.streams:,} streams, {found.payloads:,} payloads"
        say(f"Checked {counted}, and the triggers that guard them.")
        for problem in found.problems:
            say(safe(problem.message), "red", indent=2)
        if found.omitted:
            say(f"and {found.omitted:,} more", "red", indent=2)
        if found.ok:
            say(
                "The journal is whole: all its records, payloads and heads fit one another.",
                "green",
            )
        else:
            first = safe(found.problems[0].message)
            say(f"The journal is not as it was written. The first fault: {first}", "bold red")
    raise typer.Exit(0 if found.ok else 1)


@app.command("explain")
def explain_run(
    run: Run,
    call: Annotated[
        str | None,
        typer.Option("--call", metavar="CALL", help="Only this call, such as s1c2.", show_default=False),
    ] = None,
    tenant: Tenant = None,
    database: Database = None,
    json: AsJson = False,
) -> None:
    """Tell in plain words why each tool of a run ran, or did not."""
    from licet.audit.explain import explain
    from licet.audit.journal import Journal
    from licet.runtime.cli.story_view import show_story

    with Journal.open(database_url(database)) as journal:
        story = explain(journal, run, call, tenant=tenant)
    if json:
        as_json(story.to_json())
    else:
        show_story(story)
