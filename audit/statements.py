"""The writer's SQL: built with SQLAlchemy Core, compiled once, handed to the driver as it is.

Many rows go into one statement, because the driver lets go of Python's interpreter lock at every execution and has to
queue for it again behind the event loop. A few go one by one: a statement of several rows, on a table with triggers,
makes SQLite keep a journal of its own for it, which costs more than the statements that are saved.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import Column, Table, func, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql import ClauseElement

from licet.audit.database import DIALECT
from licet.audit.records import Head
from licet.audit.schema import budgets, events, heads, payloads

CHUNK = 64
"""The most rows in one statement. Sizes are powers of two, so that there are few statements, all of them
cached.
"""

FEW = 4
"""So many rows go one by one."""

Statement = tuple[str, tuple[Any, ...]]
"""SQL and its parameters."""


def read_heads(streams: Sequence[str]) -> Iterator[Statement]:
    """Rows of stream, tenant, seq, hash, claim, status."""
    return _reading(_read_heads, streams)


@cache
def read_last_id() -> str:
    """The largest id of a record, or NULL."""
    return _compile(select(func.max(events.c.id)))


def read_budgets(keys: Sequence[str]) -> Iterator[Statement]:
    """Rows of budget, used."""
    return _reading(_read_budgets, keys)


def insert_events(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Rows as the table has them; likewise below."""
    _write(connection, _insert_events, rows)


def insert_payloads(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """New payloads."""
    _write(connection, _insert_payloads, rows)


def move_heads(connection: sqlite3.Connection, rows: Sequence[Head]) -> None:
    """Heads that there are and whose status stays as it is; not naming it spares its index."""
    if len(rows) > FEW:
        _write(connection, _move_heads, rows)
    else:
        connection.executemany(_move_head(), [(row.seq, row.hash, row.claim, row.stream) for row in rows])


def put_heads(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Heads that are new, or whose status changes."""
    _write(connection, _put_heads, rows)


def put_budgets(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """What budgets stand at now."""
    _write(connection, _put_budgets, rows)


def read_events(stream: str, after: int) -> Statement:
    """Rows of a stream's records behind `after`, in order."""
    return _read_events(), (stream, after)


def _reading(build: Any, keys: Sequence[str]) -> Iterator[Statement]:
    for start in range(0, len(keys), CHUNK):
        some = tuple(keys[start : start + CHUNK])
        size = 1 << (len(some) - 1).bit_length()
        yield build(size), some + some[-1:] * (size - len(some))


def _write(connection: sqlite3.Connection, build: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    if len(rows) <= FEW:
        connection.executemany(build(1), rows)
        return
    start = 0
    while start < len(rows):
        size = min(CHUNK, 1 << (len(rows) - start).bit_length() - 1)
        connection.execute(build(size), tuple(chain.from_iterable(rows[start : start + size])))
        start += size


@cache
def _read_events() -> str:
    row = (events.c.stream, events.c.seq, events.c.record, events.c.hash)
    query = select(*row).where(events.c.stream == "", events.c.seq > 0)
    return _compile(query.order_by(events.c.seq))


@cache
def _read_heads(size: int) -> str:
    return _compile(select(heads).where(heads.c.stream.in_([str(n) for n in range(size)])))


@cache
def _read_budgets(size: int) -> str:
    return _compile(select(budgets).where(budgets.c.budget.in_([str(n) for n in range(size)])))


@cache
def _insert_events(size: int) -> str:
    return _compile(insert(events).values(_blank(events, size)))


@cache
def _insert_payloads(size: int) -> str:
    return _compile(insert(payloads).values(_blank(payloads, size)))


@cache
def _move_heads(size: int) -> str:
    return _upsert(heads, size, heads.c.seq, heads.c.hash, heads.c.claim)


@cache
def _move_head() -> str:
    moving = update(heads).where(heads.c.stream == "")
    return _compile(moving.values(seq=0, hash="", claim=0))


@cache
def _put_heads(size: int) -> str:
    return _upsert(heads, size, heads.c.seq, heads.c.hash, heads.c.claim, heads.c.status)


@cache
def _put_budgets(size: int) -> str:
    return _upsert(budgets, size, budgets.c.used)


def _upsert(table: Table, size: int, *changed: Column[Any]) -> str:
    statement = insert(table).values(_blank(table, size))
    return _compile(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key),
            set_={column.name: statement.excluded[column.name] for column in changed},
        )
    )


def _blank(table: Table, size: int) -> list[dict[str, Any]]:
    return [{column.name: "" for column in table.columns}] * size


def _compile(statement: ClauseElement) -> str:
    return str(statement.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True}))
