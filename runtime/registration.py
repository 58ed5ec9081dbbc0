"""What a runtime brings into the journal when it starts: its workflows and its policy set."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from licet.audit.errors import ConfigurationError, HeadMoved
from licet.audit.events import Event, PolicyActivated, WorkflowRegistered
from licet.audit.journal import Journal
from licet.audit.records import INSTALLATION, Draft, Payload, Unit
from licet.policies import PolicyEngine
from licet.runtime.active import RUNTIME
from licet.runtime.workflow import Workflow, differences


def register(journal: Journal, workflows: Iterable[Workflow], engine: PolicyEngine) -> None:
    """Journal each workflow version that the journal does not know yet, and the policy revision, unless it is the one
    that came into force last.

    Raises:
        ConfigurationError: a workflow's content has changed and its version has not.
    """
    while True:
        head = journal.head(INSTALLATION)
        known = [record.event for record in journal.read(INSTALLATION)]
        drafts = [*_new_workflows(known, workflows), *_new_policy(known, engine)]
        if not drafts:
            return
        try:
            journal.append_now(
                Unit(
                    stream=INSTALLATION,
                    tenant=INSTALLATION,
                    drafts=tuple(drafts),
                    expect=head.seq if head is not None else 0,
                )
            )
        except HeadMoved:
            continue
        return


def registered_content(journal: Journal, digest: str) -> dict[str, Any] | None:
    """The content of the workflow with this digest, as it was when it was registered."""
    for record in journal.read(INSTALLATION):
        if isinstance(record.event, WorkflowRegistered) and record.event.digest == digest:
            return record.event.content
    return None


def _new_workflows(known: list[Event], workflows: Iterable[Workflow]) -> Iterable[Draft]:
    before = {(event.name, event.version): event for event in known if isinstance(event, WorkflowRegistered)}
    for workflow in workflows:
        earlier = before.get((workflow.name, workflow.version))
        if earlier is None:
            event = WorkflowRegistered(
                name=workflow.name,
                version=workflow.version,
                digest=workflow.digest,
                content=workflow.content(),
            )
            yield Draft(event, RUNTIME)
        elif earlier.digest != workflow.digest:
            changes = "; ".join(differences(earlier.content, workflow))
            raise ConfigurationError(
                f"workflow {workflow.name} has changed and its version is still {workflow.version}: {changes}. "
                "Give the changed workflow a new version"
            )


def _new_policy(known: list[Event], engine: PolicyEngine) -> Iterable[Draft]:
    revisions = [event.revision for event in known if isinstance(event, PolicyActivated)]
    if revisions and revisions[-1] == engine.revision:
        return
    bundle = {} if engine.revision in revisions else {"bundle": Payload(engine.bundle)}
    yield Draft(PolicyActivated(revision=engine.revision), RUNTIME, bundle)
