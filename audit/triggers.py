"""The guards inside the database, by which it refuses what no part of Licet ever does.

They hold against mistakes, and against a stranger with SQL; whoever may drop them may do anything, which is
why every start and `licet audit verify` compare what the database holds with the one definition here, text
for text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection


def _refuse(table: str, action: str, why: str, when: str = "") -> str:
    condition = f"\nWHEN {when}" if when else ""
    name = f"{table}_no_{'replace' if action == 'INSERT' else 'rewind' if when else action.lower()}"
    body = f"BEGIN SELECT RAISE(ABORT, '{why}'); END"
    return f"CREATE TRIGGER {name} BEFORE {action} ON {table}{condition}\n{body}"


def _triggers() -> dict[str, str]:
    definitions = [
        _refuse("events", "UPDATE", "the journal is append-only: an event is never changed"),
        _refuse("events", "DELETE", "the journal is append-only: an event is never removed"),
        _refuse(
            "events",
            "INSERT",
            "the journal is append-only: an event is never replaced, and comes after all others",
            "EXISTS (SELECT 1 FROM events WHERE stream = NEW.stream AND seq = NEW.seq)"
            " OR NEW.id IS NOT (SELECT coalesce(max(id), 0) + 1 FROM events)",
        ),
        _refuse("payloads", "UPDATE", "the journal is append-only: a payload is never changed"),
        _refuse("payloads", "DELETE", "the journal is append-only: a payload is never removed"),
        _refuse(
            "payloads",
            "INSERT",
            "the journal is append-only: a payload is never replaced, and belongs to a record",
            "EXISTS (SELECT 1 FROM payloads WHERE id BETWEEN NEW.id & -16 AND NEW.id | 15"
            " AND (id = NEW.id OR name = NEW.name))"
            " OR NOT EXISTS (SELECT 1 FROM events WHERE id = NEW.id / 16)",
        ),
        _refuse("heads", "DELETE", "a stream of the journal is never removed"),
        _refuse(
            "heads",
            "UPDATE",
            "a stream only moves forward, and stays with its tenant",
            "NEW.stream IS NOT OLD.stream OR NEW.tenant IS NOT OLD.tenant OR NEW.seq <= OLD.seq",
        ),
        # The writer's own upsert passes here too before it becomes an UPDATE, so only what goes back is
        # refused.
        _refuse(
            "heads",
            "INSERT",
            "a stream only moves forward, and stays with its tenant",
            "EXISTS (SELECT 1 FROM heads WHERE stream = NEW.stream"
            " AND (tenant IS NOT NEW.tenant OR seq >= NEW.seq))",
        ),
        _refuse("budgets", "DELETE", "what was taken from a budget is never forgotten"),
    ]
    return {definition.split()[2]: definition for definition in definitions}


TRIGGERS = _triggers()
"""The SQL of every trigger, by name."""


@dataclass(frozen=True, slots=True)
class TriggerFault:
    """A trigger that is not as it should be, and how."""

    name: str
    fault: Literal["missing", "changed", "foreign"]

    def __str__(self) -> str:
        match self.fault:
            case "missing":
                return f"the trigger {self.name} is missing"
            case "changed":
                return f"the trigger {self.name} was changed: it is not the one that Licet made"
            case "foreign":
                return f"the trigger {self.name} stands in the journal and is not Licet's"


def install(connection: Connection) -> None:
    """Make the triggers what they are here. Called at the end of every migration, and nowhere else."""
    for name, definition in TRIGGERS.items():
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql(definition)


def trigger_faults(connection: Connection) -> list[TriggerFault]:
    """Every trigger that is missing, or differs from its definition, or does not belong."""
    rows = connection.exec_driver_sql("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
    remaining = dict(TRIGGERS)
    faults = []
    for name, table, text in rows:
        definition = remaining.pop(name, None)
        if definition is None:
            faults.append(TriggerFault(str(name), "foreign"))
        elif (table, text) != (name.split("_no_")[0], definition):
            faults.append(TriggerFault(name, "changed"))
    return [TriggerFault(name, "missing") for name in remaining] + faults
