"""From what a policy answered to a decision. Only a proper answer can allow anything."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from licet.audit.canonical import canonical
from licet.audit.events import ApprovalOwed, Decided, Denial, GroupCount

LONGEST_EXPIRY = 315_360_000
"""The longest that an approval can be awaited, in seconds: ten years."""

_KEYS = {"allow", "grants", "deny", "approval", "obligations"}


class Improper(Exception):
    """The answer is not of the form that the contract gives."""


def decided(document: object, *, decision_id: str, revision: str, engine: str) -> Decided:
    """The decision that `document`, the parsed value of `data.licet.decision`, stands for.

    A set leaves Rego in any order, so everything is sorted here: the same answer is the same decision. An
    answer of another form than `policies/schema/decision.json` is a denial with a cause.
    """
    try:
        return _parse(document, decision_id, revision, engine)
    except Improper as error:
        return denied(
            f"the policy's answer {error}", decision_id=decision_id, revision=revision, engine=engine
        )


def denied(cause: str, *, decision_id: str, revision: str, engine: str) -> Decided:
    """The denial that follows when an engine has no proper answer."""
    return Decided(
        decision_id=decision_id,
        revision=revision,
        engine=engine,
        allow=False,
        denials=(Denial(rule="licet.engine.failed", message=f"No decision: {cause}."),),
        cause=cause,
    )


def _parse(document: object, decision_id: str, revision: str, engine: str) -> Decided:
    if type(document) is not dict:
        raise Improper("is not an object")
    if document.keys() != _KEYS:
        raise Improper(f"has not exactly the keys {', '.join(sorted(_KEYS))}")
    allow = document["allow"]
    if type(allow) is not bool:
        raise Improper("has an `allow` that is neither true nor false")
    grants = _strings(document["grants"], "grants")
    denials = read_denials(document["deny"], "deny")
    if allow and not grants:
        raise Improper("allows the call, but no rule grants it")
    if allow and denials:
        raise Improper("allows the call, but a rule denies it")
    approval = document["approval"]
    return Decided(
        decision_id=decision_id,
        revision=revision,
        engine=engine,
        allow=allow,
        grants=grants,
        denials=denials,
        approval=None if approval is None else _approval(approval),
        obligations=_obligations(document["obligations"]),
    )


def _list(value: object, name: str) -> list[Any]:
    if type(value) is not list:
        raise Improper(f"has a `{name}` that is not an array")
    return value


def _strings(value: object, name: str) -> tuple[str, ...]:
    items = _list(value, name)
    if not items:
        return ()
    if any(type(item) is not str for item in items):
        raise Improper(f"has a `{name}` that holds something other than text")
    return tuple(sorted(items))


def read_denials(value: object, name: str) -> tuple[Denial, ...]:
    """The reasons in an array that stands for a set, sorted.

    Args:
        value: the array.
        name: what to call it.

    Raises:
        Improper: it is something else.
    """
    items = _list(value, name)
    if not items:
        return ()
    try:
        denials = [Denial.model_validate(item, strict=True) for item in items]
    except ValidationError:
        raise Improper(
            f"has a `{name}` that holds something other than {{rule, message, visible_to_model}}"
        ) from None
    return tuple(sorted(denials, key=lambda denial: (denial.rule, denial.message, denial.visible_to_model)))


def _approval(value: object) -> ApprovalOwed:
    if type(value) is not dict:
        raise Improper("has an `approval` that is neither an object nor null")
    requires = _list(value.get("requires"), "approval.requires")
    rules = _strings(value.get("rules"), "approval.rules")
    try:
        counts = tuple(
            sorted(
                (GroupCount.model_validate(item, strict=True) for item in requires),
                key=lambda count: count.group,
            )
        )
        owed = ApprovalOwed.model_validate({**value, "requires": counts, "rules": rules}, strict=True)
    except ValidationError:
        raise Improper(
            "has an `approval` that is not {requires, expires_in, escalate_to, reason, rules}"
        ) from None
    if len({count.group for count in counts}) != len(counts):
        raise Improper("has an `approval` that asks the same group twice")
    if owed.expires_in > LONGEST_EXPIRY:
        raise Improper(f"has an `approval` that waits for more than {LONGEST_EXPIRY} seconds")
    return owed


def _obligations(value: object) -> tuple[dict[str, Any], ...]:
    items = _list(value, "obligations")
    if not items:
        return ()
    if any(type(item) is not dict for item in items):
        raise Improper("has an `obligations` that holds something other than objects")
    try:
        return tuple(sorted(items, key=canonical))
    except ValueError:
        raise Improper("has an `obligations` with a number that the journal cannot hold exactly") from None
