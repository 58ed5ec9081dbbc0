"""What the journal's database consists of, as the migrations make it, and what in a file is otherwise.

The definitions stand here as text, and are not made from `licet.audit.schema`: a guard that is made anew from
the code which it guards would change with it unseen. A test holds them and the migrations together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from licet.audit.verification import as_text

_STATEMENTS = (
    "CREATE TABLE licet_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT licet_version_pkc PRIMARY KEY (version_num))",
    "CREATE TABLE events (id INTEGER NOT NULL, stream TEXT NOT NULL, seq BIGINT NOT NULL, record TEXT NOT NULL,"
    " hash VARCHAR(64) NOT NULL, PRIMARY KEY (id), UNIQUE (stream, seq),"
    " CONSTRAINT events_id CHECK (id BETWEEN 1 AND 9007199254740991), CONSTRAINT events_seq CHECK (seq >= 1),"
    " CONSTRAINT events_hash CHECK (length(hash) = 64))",
    "CREATE TABLE payloads (id INTEGER NOT NULL, name TEXT NOT NULL, salt BLOB NOT NULL, content BLOB NOT NULL,"
    " PRIMARY KEY (id), CONSTRAINT payloads_id CHECK (id BETWEEN 16 AND 144115188075855871))",
    "CREATE TABLE heads (stream TEXT NOT NULL, tenant TEXT NOT NULL, seq BIGINT NOT NULL,"
    " hash VARCHAR(64) NOT NULL, claim BIGINT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (stream),"
    " CONSTRAINT heads_seq CHECK (seq >= 1), CONSTRAINT heads_claim CHECK (claim BETWEEN 0 AND seq))"
    " WITHOUT ROWID",
    "CREATE INDEX heads_by_status ON heads (status, stream)",
    "CREATE INDEX heads_by_tenant ON heads (tenant, stream)",
    "CREATE TABLE budgets (budget TEXT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (budget),"
    " CONSTRAINT budgets_used CHECK (used >= 0)) WITHOUT ROWID",
)

_KEYS_OF = ("licet_version", "events")
"""The tables for whose key SQLite makes an index of its own, which has no SQL."""


def _definitions() -> dict[tuple[str, str], tuple[str, str | None]]:
    made: dict[tuple[str, str], tuple[str, str | None]] = {}
    for sql in _STATEMENTS:
        _, kind, name, *rest = sql.split()
        made[kind.lower(), name] = (rest[1] if kind == "INDEX" else name, sql)
    for table in _KEYS_OF:
        made["index", f"sqlite_autoindex_{table}_1"] = (table, None)
    return made


DEFINITIONS = _definitions()
"""By type and name, the table each belongs to and its SQL; all but the triggers, for which see
`licet.audit.triggers`.
"""


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """A table, index or view that is not as it should be, and how."""

    kind: str
    name: str
    fault: Literal["missing", "changed", "foreign"]

    def __str__(self) -> str:
        match self.fault:
            case "missing":
                return f"the {self.kind} {self.name} is missing"
            case "changed":
                return f"the {self.kind} {self.name} was changed: it is not the one that Licet made"
            case "foreign":
                return f"the {self.kind} {self.name} stands in the journal and is not Licet's"


def schema_faults(connection: Connection) -> list[SchemaFault]:
    """Every table, index and view that is missing, or differs from its definition, or does not belong."""
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IS NOT 'trigger' ORDER BY rowid"
    remaining = dict(DEFINITIONS)
    faults = []
    for kind, name, table, sql in connection.exec_driver_sql(query):
        expected = remaining.pop((kind, name), None)
        if expected is None:
            faults.append(SchemaFault(as_text(kind), as_text(name), "foreign"))
        elif (table, _normal(sql)) != (expected[0], _normal(expected[1])):
            faults.append(SchemaFault(kind, name, "changed"))
    return [SchemaFault(kind, name, "missing") for kind, name in remaining] + faults


def _normal(sql: Any) -> Any:
    """SQL without the white space that only lays it out, which is the migration tool's to choose."""
    if not isinstance(sql, str):
        return sql
    return re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", sql)).strip()
