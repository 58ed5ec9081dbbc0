"""Which words of a call that came to nothing are its tool's own. The model reads them, and they may be anybody's."""

from __future__ import annotations

import re

from licet.audit.events import CallDenied, CallFailed, Event

REFUSED = "licet.authorization.refused"
"""The rule of a denial whose message is what the tool's `authorize` hook answered."""

_OURS = {
    "NotStarted": r"what the tool needs could not be provided \(\w*\); it was not called",
    "MissingProvider": r"nothing provides [^,]+, which parameter \w+ asks for; add it: inject=\{[^{}]*: \.\.\.\}",
    "ToolTimeout": r".{1,200} was not started within \S+ s",
    "WorkerDied": r"It did not happen\.",
}
"""By the kind of failure, the sentences in which Licet itself says that nothing happened."""


def tool_words(event: Event | None) -> str | None:
    """What the model was told in the tool's own words; None when it was told nothing, or in a sentence of Licet's.

    A tool speaks by raising `NotExecuted` and by refusing in a way that the model may read. Of any other exception
    only the kind is told. What is not recognised is the tool's.
    """
    match event:
        case CallFailed() if event.not_executed and not _ours(event):
            return event.message or None
        case CallDenied():
            refusals = (reason for reason in event.reasons if reason.rule == REFUSED)
            return " ".join(reason.message for reason in refusals if reason.visible_to_model) or None
        case _:
            return None


def checked(error: str, *, happened: bool) -> str:
    """What is said of a call that ended with this kind of error when the tool's own check knew what became of it."""
    return f"{error}, and the tool's own check says that it {'happened' if happened else 'did not happen'}"


def _ours(event: CallFailed) -> bool:
    if event.message == checked(event.error, happened=False):
        return True
    sentence = _OURS.get(event.error)
    return sentence is not None and re.fullmatch(sentence, event.message) is not None
