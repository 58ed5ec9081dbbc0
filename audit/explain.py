"""Telling a run's story from its records: why each tool ran, or did not.

`explain` reads; it judges nothing and changes nothing. What it tells is what the journal holds, each record
checked against the chain as it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from licet.audit.errors import LicetError
from licet.audit.events import WorkflowRegistered
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION, Record
from licet.audit.story import Content, RunStory, WorkflowStory
from licet.audit.telling import Telling

SHORTEST_PREFIX = 8
"""So many characters of a run's id are enough where no other run's begins with them."""

_ID = re.compile(rf"[0-9a-f-]{{{SHORTEST_PREFIX},36}}")


class NoSuchRun(LicetError):
    """The journal has no run, or several, of this id. `licet runs list` shows those there are."""


class NoSuchCall(LicetError):
    """The run has no call of this id."""


def explain(journal: Journal, run: str, call: str | None = None, *, tenant: str | None = None) -> RunStory:
    """The story of a run.

    Args:
        journal: where it is.
        run: its id, or at least the first 8 characters of it where they are those of one run only.
        call: tell of this call only, such as `s1c2`.
        tenant: look at this tenant's runs only.

    Raises:
        NoSuchRun: there is none, or more than one.
        NoSuchCall: the run has no such call.
        JournalDamaged: a record or payload of the run is not as it was written.
    """
    run_id = find_run(journal, run, tenant=tenant)
    records = journal.read(run_id)
    contents = journal.payloads(run_id)
    telling = Telling(run_id, lambda record, name: _content(contents, record, name))
    for record in records:
        telling.add(record)
    story = telling.story(journal.clock.now())
    story = replace(story, workflow=_described(story.workflow, journal.read(INSTALLATION)))
    if call is None:
        return story
    chosen = tuple(found for found in story.calls if found.call_id == call)
    if not chosen:
        known = ", ".join(found.call_id for found in story.calls) or "none"
        raise NoSuchCall(f"run {run_id} has no call {call}; it has: {known}")
    steps = {found.step for found in chosen}
    requests = tuple(request for request in story.requests if request.step in steps)
    return replace(story, calls=chosen, requests=requests)


def find_run(journal: Journal, given: str, *, tenant: str | None = None) -> str:
    """The id of the run whose id this is, or begins with it.

    Raises:
        NoSuchRun: there is none, or more than one.
    """
    wanted = given.strip().lower()
    if not _ID.fullmatch(wanted):
        raise NoSuchRun(
            f"give the run's id, or at least its first {SHORTEST_PREFIX} characters;"
            " `licet runs list` shows them"
        )
    head = journal.head(wanted)
    if head is not None and tenant in (None, head.tenant):
        return wanted
    found = [head.stream for head in journal.heads(tenant=tenant) if head.stream.startswith(wanted)]
    if not found:
        raise NoSuchRun(f"there is no run {wanted}; `licet runs list` shows those there are")
    if len(found) > 1:
        raise NoSuchRun(f"{len(found)} runs begin with {wanted}; give more characters of the id")
    return found[0]


def _content(contents: dict[tuple[int, str], bytes], record: Record, name: str) -> Content | None:
    if name not in record.payloads:
        return None
    content = contents.get((record.seq, name))
    return Content(None, erased=True) if content is None else Content(_read(content))


def _read(content: bytes) -> Any:
    # Policy inputs write exact decimals as numbers; a float would change them.
    return json.loads(content, parse_float=str)


def _described(workflow: WorkflowStory, installation: Iterable[Record]) -> WorkflowStory:
    for record in installation:
        if isinstance(record.event, WorkflowRegistered) and record.event.digest == workflow.digest:
            content = record.event.content
            return replace(
                workflow,
                owner=_text(content.get("owner")),
                purpose=_text(content.get("purpose")),
                risk=_text(content.get("risk")),
            )
    return workflow


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
