"""What differs between two decisions on one input, and the table of many such differences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import orjson

from licet.audit.canonical import canonical
from licet.audit.events import ApprovalOwed, Decided

ChangeKind = Literal[
    "deny_to_allow", "approval_lost", "approval_changed", "approval_gained", "allow_to_deny", "rules_changed"
]
"""How a decision changes. `approval_changed`: people are asked before and after, for another reason or in another
number. `rules_changed`: what comes of the call stays the same, and the rules, messages or obligations do not."""

CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)

MOST_ROWS = 1000
"""A table has at most so many rows, so that its memory is bounded whatever the rules call themselves."""

MOST_EXAMPLES = 10
"""So many calls are kept with a row."""


@dataclass(frozen=True, slots=True)
class Change:
    """How two decisions on one input differ.

    Attributes:
        rules: `+RULE` for one that speaks only in the second decision, `-RULE` for one only in the first, `~RULE` for
            one that says something else.
        newly_allowed: the call may happen by the second decision and could not by the first, or could not without a
            person. A read that no person is asked for any more does not count.
    """

    kind: ChangeKind
    rules: tuple[str, ...]
    newly_allowed: bool


@dataclass(frozen=True, slots=True)
class Example:
    """A call to look at: `licet audit explain RUN --call CALL`."""

    run_id: str
    call_id: str


@dataclass(slots=True)
class ChangeRow:
    """Changes of one kind, by the same rules, of one tool in one workflow.

    Attributes:
        workflow: `NAME@VERSION`.
        decisions: how many. A call that waited for a person was decided more than once.
        examples: the first calls of them, at most `MOST_EXAMPLES`.
    """

    kind: ChangeKind
    rules: tuple[str, ...]
    tool: str
    workflow: str
    newly_allowed: bool
    decisions: int = 0
    examples: list[Example] = field(default_factory=list)


class ChangeTable:
    """Counts changes by kind, rules, tool and workflow, in bounded memory.

    Attributes:
        decisions: how many changes, those without a row among them.
        omitted: changes that have no row, because there are `MOST_ROWS` already.
    """

    def __init__(self) -> None:
        self.decisions = 0
        self.omitted = 0
        self._rows: dict[tuple[Change, str, str], ChangeRow] = {}

    def add(self, change: Change, tool: str, workflow: str, example: Example) -> None:
        """Count one change."""
        self.decisions += 1
        row = self._rows.get((change, tool, workflow))
        if row is None:
            if len(self._rows) >= MOST_ROWS:
                self.omitted += 1
                return
            row = ChangeRow(change.kind, change.rules, tool, workflow, change.newly_allowed)
            self._rows[change, tool, workflow] = row
        row.decisions += 1
        if len(row.examples) < MOST_EXAMPLES and example not in row.examples:
            row.examples.append(example)

    def rows(self) -> list[ChangeRow]:
        """The rows: what would be newly allowed first, then by kind, the most frequent first."""
        return sorted(
            self._rows.values(),
            key=lambda row: (
                not row.newly_allowed,
                CHANGE_KINDS.index(row.kind),
                -row.decisions,
                row.workflow,
                row.tool,
                row.rules,
            ),
        )

    def to_json(self) -> list[dict[str, Any]]:
        """The rows as JSON data."""
        return [asdict(row) for row in self.rows()]


def difference(before: Decided, after: Decided, effect: str) -> Change | None:
    """How `after` differs from `before`, for a call with this effect; None when it says the same.

    Only what was decided counts: not which engine, which revision, or under which id.
    """
    denials = _changed_rules(_denials(before), _denials(after))
    grants = _changed_rules({(rule,) for rule in before.grants}, {(rule,) for rule in after.grants})
    approvals = _changed_approval(before.approval, after.approval)
    rules = tuple(sorted({*denials, *grants, *approvals}, key=lambda rule: (rule[1:], rule)))
    if before.allow != after.allow:
        kind: ChangeKind = "deny_to_allow" if after.allow else "allow_to_deny"
    elif after.allow and before.approval is None and after.approval is not None:
        kind = "approval_gained"
    elif after.allow and before.approval is not None and after.approval is None:
        kind = "approval_lost"
    elif after.allow and not _same_approval(before.approval, after.approval):
        kind = "approval_changed"
    elif rules or not _same_approval(before.approval, after.approval) or not _same_obligations(before, after):
        kind = "rules_changed"
    else:
        return None
    newly_allowed = kind == "deny_to_allow" or (
        effect != "read" and kind in ("approval_lost", "approval_changed") and _asks_less(before, after)
    )
    return Change(kind, rules, newly_allowed)


def _denials(decision: Decided) -> set[tuple[object, ...]]:
    return {(denial.rule, denial.message, denial.visible_to_model) for denial in decision.denials}


def _changed_rules(before: set[tuple[object, ...]], after: set[tuple[object, ...]]) -> Iterable[str]:
    old, new = {str(one[0]) for one in before}, {str(one[0]) for one in after}
    yield from (f"-{rule}" for rule in old - new)
    yield from (f"+{rule}" for rule in new - old)
    yield from {f"~{one[0]}" for one in before ^ after if one[0] in old & new}


def _changed_approval(before: ApprovalOwed | None, after: ApprovalOwed | None) -> Iterable[str]:
    old, new = set(before.rules if before else ()), set(after.rules if after else ())
    yield from (f"-{rule}" for rule in old - new)
    yield from (f"+{rule}" for rule in new - old)
    if old == new and not _same_approval(before, after):
        yield from (f"~{rule}" for rule in new)


def _asks_less(before: Decided, after: Decided) -> bool:
    """Whether some group has to give fewer people than it had to."""
    old = before.approval.requires if before.approval else ()
    new = {need.group: need.count for need in after.approval.requires} if after.approval else {}
    return any(new.get(need.group, 0) < need.count for need in old)


def _same_approval(before: ApprovalOwed | None, after: ApprovalOwed | None) -> bool:
    if before is None or after is None:
        return before is after
    return _sorted(before) == _sorted(after)


def _sorted(owed: ApprovalOwed) -> ApprovalOwed:
    requires = tuple(sorted(owed.requires, key=lambda need: (need.group, need.count)))
    return owed.model_copy(update={"requires": requires, "rules": tuple(sorted(owed.rules))})


def _same_obligations(before: Decided, after: Decided) -> bool:
    return sorted(map(_text, before.obligations)) == sorted(map(_text, after.obligations))


def _text(obligation: dict[str, Any]) -> bytes:
    try:
        return canonical(obligation)
    except ValueError:
        # A float such as 1e18 stands in a record without a point, and is read back as an integer.
        return orjson.dumps(obligation, option=orjson.OPT_SORT_KEYS)
