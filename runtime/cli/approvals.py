"""`licet approvals`: what waits for people, and answering it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from licet.runtime.cli.options import (
    AsJson,
    Database,
    OptionalApp,
    Policies,
    Resume,
    Tenant,
    database_url,
)
from licet.runtime.cli.terminal import as_json, cut, data, safe, say, table

if TYPE_CHECKING:
    from licet.approvals import ApprovalQueue, Request

app = typer.Typer(
    help="Look at what waits for people, and answer it.", no_args_is_help=True, rich_markup_mode=None
)

RequestId = Annotated[
    str, typer.Argument(metavar="ID", help="The request's id, or its first characters, at least 8.")
]
ReasonGiven = Annotated[
    str | None, typer.Option("--reason", help="Why; it is recorded.", metavar="TEXT", show_default=False)
]


@app.command("list")
def list_requests(
    tenant: Tenant = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were answered or ran out.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    database: Database = None,
    json: AsJson = False,
) -> None:
    """List the requests that wait, the oldest first."""
    with _queue(database) as queue:
        requests = (queue.history(tenant, limit) if every else queue.pending(tenant))[:limit]
    if json:
        as_json([_summary(request) for request in requests])
    elif not requests:
        say("Nothing waits for a person." if not every else "Nobody was ever asked.")
    else:
        table(
            ["request", "tenant", "tool", "for", "status", "until", "because"],
            [
                [
                    request.request_id,
                    request.tenant,
                    request.tool,
                    request.requester,
                    request.status,
                    f"{request.expires_at:%Y-%m-%d %H:%M}",
                    request.owed.reason,
                ]
                for request in requests
            ],
        )


@app.command("show")
def show(
    request_id: RequestId, tenant: Tenant = None, database: Database = None, json: AsJson = False
) -> None:
    """Show exactly what would run, for whom and why, and who has answered."""
    from licet.approvals import NothingToShow

    problem = None
    with _queue(database) as queue:
        request = queue.get(request_id, tenant=tenant)
        answers = [(answer, queue.reason(answer), queue.edited(answer)) for answer in request.answers]
        try:
            shown = queue.shown(request).model_dump(mode="json")
        except NothingToShow as error:
            shown, problem = None, str(error)
    if json:
        words = [{"reason": reason, "args": edited} for _, reason, edited in answers]
        document = _summary(request) | {"shown": shown, "problem": problem}
        document["answers"] = [summary | more for summary, more in zip(_answers(request), words, strict=True)]
        as_json(document)
        return
    _show_question(request, shown)
    if problem is not None:
        say(safe(problem), "red")
    for answer, reason, edited in answers:
        said = f": {data(reason)}" if reason else ""
        say(f"{safe(answer.reviewer)} said {answer.verdict}{said}", "bold")
        if edited is not None:
            say(f"with arguments {data(edited)}", indent=2)


@app.command("approve")
def approve(
    request_id: RequestId,
    reason: ReasonGiven = None,
    resume: Resume = False,
    app: OptionalApp = None,
    tenant: Tenant = None,
    database: Database = None,
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Say yes to exactly the call that is shown, in your own name."""

    def answer(queue: ApprovalQueue) -> Request:
        return queue.approve(request_id, _reviewer(), reason, tenant=tenant)

    _answer(answer, resume, app, database, policies, json)


@app.command("reject")
def reject(
    request_id: RequestId,
    reason: Annotated[str, typer.Option("--reason", help="Why; the agent is told it.", metavar="TEXT")],
    resume: Resume = False,
    app: OptionalApp = None,
    tenant: Tenant = None,
    database: Database = None,
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Say no. The call does not run, whatever others said."""

    def answer(queue: ApprovalQueue) -> Request:
        return queue.reject(request_id, _reviewer(), reason, tenant=tenant)

    _answer(answer, resume, app, database, policies, json)


@app.command("edit")
def edit(
    request_id: RequestId,
    args: Annotated[
        str,
        typer.Option(
            "--args",
            help="All arguments of the call, as JSON, in the form they are shown in.",
            metavar="JSON",
        ),
    ],
    reason: ReasonGiven = None,
    resume: Resume = False,
    app: OptionalApp = None,
    tenant: Tenant = None,
    database: Database = None,
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Say yes to the same tool with other arguments; policy decides on them again before they run."""
    edited = _arguments(args)

    def answer(queue: ApprovalQueue) -> Request:
        return queue.edit(request_id, _reviewer(), edited, reason, tenant=tenant)

    _answer(answer, resume, app, database, policies, json)


def _answer(
    answer: Callable[[ApprovalQueue], Request],
    resume: bool,
    app: str | None,
    database: str | None,
    policies: Any,
    json: bool,
) -> None:
    from licet.audit.errors import ConfigurationError
    from licet.runtime.cli.app_loading import load_runtime
    from licet.runtime.cli.runs import resume_run

    if resume != (app is not None):
        raise ConfigurationError(
            "--resume and --app MODULE:RUNTIME go together: the app is what executes the call"
        )
    # What is wrong with the app is said before anything is answered.
    address = load_runtime(app, database, policies).database if app is not None else database
    with _queue(address) as queue:
        request = answer(queue)
    if not (json and app is not None):
        _show_answered(request, json, goes_on=app is not None)
    if app is not None:
        raise typer.Exit(resume_run(request.run_id, app, database, None, json))


def _show_answered(request: Request, json: bool, goes_on: bool) -> None:
    if json:
        as_json(_summary(request))
        return
    last = request.answers[-1]
    say(
        f"Recorded: {safe(last.reviewer)} said {last.verdict} to {safe(request.tool)} ({request.call_id}).",
        "green",
    )
    if request.lacking is not None and request.status == "pending":
        missing = ", ".join(f"{more.count} of {safe(more.group)}" for more in request.lacking.requires)
        say(f"It still waits for {missing}.")
    elif not goes_on:
        say(f"It is {request.status}. `licet runs resume {request.run_id} --app MODULE:RUNTIME` goes on.")


def _show_question(request: Request, shown: dict[str, Any] | None) -> None:
    say(f"{safe(request.tool)} ({request.call_id}) of run {request.run_id}: {request.status}", "bold")
    say(f"request   {request.request_id}")
    say(f"for       {safe(request.requester)}, tenant {safe(request.tenant)}")
    needs = ", ".join(f"{need.count} of {safe(need.group)}" for need in request.owed.requires)
    say(f"needs     {needs}, until {request.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    say(f"because   {safe(cut(request.owed.reason))}")
    if request.why:
        say(f"closed    {safe(request.why)}")
    if shown is None:
        return
    from licet.runtime.cli.story_view import marks

    say(f"workflow  {data(shown['workflow'].get('name'))} {data(shown['workflow'].get('version'))}")
    preview = shown["preview"]
    # Preview and arguments are never cut: nobody approves what they cannot read.
    say(f"would     {safe(preview if isinstance(preview, str) else _dumped(preview))}")
    say(f"effect    {data(shown['effect'] or 'unknown')}")
    say("arguments")
    for name, value in shown["args"].items():
        # As JSON, so that the text "true" is not taken for the boolean, nor "5" for the number.
        say(f"{safe(name)} = {safe(_dumped(value))}", indent=2)
    for name, title in (
        ("reason", "the agent says"),
        ("resource", "the target is"),
        ("spent", "USD spent by the run"),
        ("story", "calls of the run so far"),
    ):
        if shown.get(name) not in (None, "", [], {}):
            say(f"{title}: {data(shown[name])}")
    if shown["provenance"]:
        say(f"what the arguments are: {marks(shown['provenance'])}")


def _dumped(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _summary(request: Request) -> dict[str, Any]:
    from licet.audit.clock import timestamp

    return {
        "request_id": request.request_id,
        "run_id": request.run_id,
        "call_id": request.call_id,
        "tenant": request.tenant,
        "requester": request.requester,
        "tool": request.tool,
        "digest": request.digest,
        "status": request.status,
        "owed": request.owed.model_dump(mode="json"),
        "requested_at": timestamp(request.requested_at),
        "expires_at": timestamp(request.expires_at),
        "why": request.why,
        "answers": _answers(request),
    }


def _answers(request: Request) -> list[dict[str, Any]]:
    from licet.audit.clock import timestamp

    return [
        {
            "verdict": answer.verdict,
            "reviewer": answer.reviewer,
            "groups": list(answer.groups),
            "local": answer.local,
            "digest": answer.digest,
            "time": timestamp(answer.time),
        }
        for answer in request.answers
    ]


def _arguments(text: str) -> dict[str, Any]:
    import json

    from licet.audit.errors import ConfigurationError

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name stands twice")
        return found

    try:
        value = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise ConfigurationError(
            '--args is not JSON, or has a name twice; write it as \'{"amount": "20.00"}\''
        ) from None
    if not isinstance(value, dict):
        raise ConfigurationError("--args is a JSON object with every argument of the call")
    return value


def _reviewer() -> Any:
    from licet.approvals import local_reviewer

    return local_reviewer()


@contextmanager
def _queue(database: str | None) -> Iterator[ApprovalQueue]:
    from licet.approvals import ApprovalQueue, ReviewSigner, directory_from_environment
    from licet.audit.journal import Journal

    with Journal.open(database_url(database)) as journal:
        yield ApprovalQueue(journal, ReviewSigner.open(), directory_from_environment())
