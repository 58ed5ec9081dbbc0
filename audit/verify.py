"""`licet audit verify`: is the journal what was written, whole and in order?

It reads every record and payload once, as a stream, so that memory does not grow with the journal. It tells
of damage by anybody who did not recompute every hash behind it; against one who did, only signed checkpoints
help.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, literal_column, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from licet.audit.database import DIALECT, FAULTS, Database
from licet.audit.definitions import schema_faults
from licet.audit.errors import JournalDamaged, ServiceDown
from licet.audit.proposals import Proposals, look_up_in
from licet.audit.records import Record
from licet.audit.schema import (
    LARGEST_ID,
    PAYLOADS_MOST,
    REVISION,
    VERSION_TABLE,
    events,
    heads,
    metadata,
    payloads,
)
from licet.audit.triggers import trigger_faults
from licet.audit.verification import Kind, Problem, StreamCheck, Verification, as_text

__all__ = ["Problem", "Verification", "verify"]


def verify(url: str) -> Verification:
    """Check the journal at `url`, such as `sqlite:///licet.db`, as it stands at one moment.

    Neither the file nor a write-ahead log beside it (`-wal`) is changed, so that a copy stays the evidence it
    was. `-shm`, which holds no data, is SQLite's to make and change.

    Raises:
        ConfigurationError: the URL is of another kind.
        JournalMissing: there is no file.
        ServiceDown: it cannot be read now.
    """
    database = Database(url)
    if not database.exists:
        raise database.missing()
    found = Verification()
    engine = database.reader(lossless=True)
    try:
        with database.snapshot(engine) as connection:
            if _check_schema(database, connection, found):
                _check_records(database, connection, found)
                _check_strays(database, connection, found)
                _check_ids(database, connection, found)
            with _file_faults(database, found, "the file cannot be read to its end"):
                _check_pages(connection, found)
    except JournalDamaged as error:
        found.add(Problem("file", str(error)))
    finally:
        engine.dispose()
    return found


@contextmanager
def _file_faults(database: Database, found: Verification, where: str) -> Iterator[None]:
    """Note a page that cannot be read, and go on with what comes after."""
    try:
        yield
    except FAULTS as error:
        fault = database.fault(error)
        if isinstance(fault, ServiceDown):
            raise fault from error
        cause = error.orig if isinstance(error, DBAPIError) else error
        found.add(Problem("file", f"{where}: {cause}"))


def _check_schema(database: Database, connection: Connection, found: Verification) -> bool:
    """Triggers, version and tables; whether there is anything to go on with."""
    revision = database.revision(connection)
    tables = {
        row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    if revision is None and not tables.intersection(metadata.tables):
        found.add(Problem("schema", f"{database.path} is not a journal: it has none of the tables of one"))
        return False
    if revision != REVISION:
        version = "unknown" if revision is None else revision
        found.add(Problem("schema", f"the tables are at version {version}, and this Licet knows {REVISION}"))
    if VERSION_TABLE in tables:
        rows = connection.execute(select(func.count()).select_from(table(VERSION_TABLE))).scalar_one()
        if rows > 1:
            message = f"the table {VERSION_TABLE} holds {rows} versions, and there is one"
            found.add(Problem("schema", message, name=VERSION_TABLE))
    for fault in trigger_faults(connection):
        found.add(Problem("trigger", str(fault), name=as_text(fault.name)))
    for difference in schema_faults(connection):
        found.add(Problem("schema", str(difference), name=difference.name))
    return tables.issuperset(metadata.tables)


def _check_records(database: Database, connection: Connection, found: Verification) -> None:
    query = (
        select(
            events,
            heads.c.tenant.label("head_tenant"),
            heads.c.seq.label("head_seq"),
            heads.c.hash.label("head_hash"),
            heads.c.claim,
            heads.c.status,
        )
        .outerjoin(heads, heads.c.stream == events.c.stream)
        .order_by(events.c.stream, events.c.seq)
    )
    at: StreamCheck | None = None
    with _file_faults(database, found, "the records cannot be read to their end"):
        for id, stream, seq, text, hash, *head in _rows(connection, query):
            if at is None or stream != at.name:
                if at is not None:
                    at.finish()
                at = StreamCheck(stream, head, found, Proposals(look_up_in(connection, stream)))
                found.streams += 1
            found.records += 1
            record = at.take(seq, text, hash)
            if not isinstance(id, int) or not 1 <= id <= LARGEST_ID:
                message = f"record {seq} of stream {stream}: its id is {id!r}, which no record can have"
                found.add(Problem("moved", message, as_text(stream), seq if isinstance(seq, int) else None))
            elif record is not None:
                _check_payloads(connection, id, record, found)
        if at is not None:
            at.finish()


def _check_payloads(connection: Connection, id: int, record: Record, found: Verification) -> None:
    def report(kind: Kind, name: str, why: str) -> None:
        message = f"record {record.seq} of stream {record.stream}: its payload {name} {why}"
        found.add(Problem(kind, message, stream=as_text(record.stream), seq=record.seq, name=as_text(name)))

    missing = dict(record.payloads)
    first = id * PAYLOADS_MOST
    for name, salt, content in connection.exec_driver_sql(_PAYLOADS, (first, first + PAYLOADS_MOST - 1)):
        found.payloads += 1
        digest = missing.pop(name, None)
        if digest is None:
            report("payload inserted", name, "was inserted: the record does not name it")
        elif not isinstance(salt, bytes) or not isinstance(content, bytes):
            report("payload changed", name, "was changed: it is not stored as bytes")
        elif hashlib.sha256(salt + content).hexdigest() != digest:
            report("payload changed", name, "was changed: it does not give the digest that the record holds")
    for name in missing:
        report("payload removed", name, "was removed")


def _check_strays(database: Database, connection: Connection, found: Verification) -> None:
    """What belongs to no record: heads of streams that are gone, payloads that were put in."""
    with _file_faults(database, found, "the heads cannot be read to their end"):
        for stream, seq in _rows(connection, _STRAY_HEADS):
            message = f"stream {stream}: its head stands at record {seq}, and all its records were removed"
            found.add(Problem("removed", message, stream=as_text(stream), seq=1))
    with _file_faults(database, found, "the payloads cannot be read to their end"):
        for id, name in _rows(connection, _STRAY_PAYLOADS):
            found.payloads += 1
            message = f"a payload {name} stands under number {id}, and belongs to no record"
            found.add(Problem("payload inserted", message, name=as_text(name)))


def _check_ids(database: Database, connection: Connection, found: Verification) -> None:
    """Records are counted from 1 without a gap. Where something else was found, that may be why they are not."""
    if not found.ok:
        return
    with _file_faults(database, found, "the records cannot be counted"):
        for stream, seq, id in _rows(connection, _BEHIND_A_GAP):
            message = (
                f"record {seq} of stream {stream}: its id is {id}, and none has {id - 1}: records before it were"
                " removed with their stream's head, or the id was changed"
            )
            found.add(Problem("removed", message))


def _check_pages(connection: Connection, found: Verification) -> None:
    """SQLite's own check of the file, which sees an index that says other than its table."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if line != "ok":
            found.add(Problem("file", f"SQLite finds the file damaged: {line}"))


_HAS_RECORDS = exists().where(events.c.stream == heads.c.stream)
_STRAY_HEADS = select(heads.c.stream, heads.c.seq).where(~_HAS_RECORDS).order_by(heads.c.stream)

_ONE: ColumnElement[int] = literal_column("1")
_BEFORE = events.alias("before")
_BEHIND_A_GAP = (
    select(events.c.stream, events.c.seq, events.c.id)
    .where(events.c.id > _ONE, ~exists().where(_BEFORE.c.id == events.c.id - _ONE))
    .order_by(events.c.id)
)

_HAS_RECORD = exists().where(events.c.id == payloads.c.id // literal_column(str(PAYLOADS_MOST)))
_STRAY_PAYLOADS = select(payloads.c.id, payloads.c.name).where(~_HAS_RECORD).order_by(payloads.c.id)


def _compiled(query: ClauseElement) -> str:
    return str(query.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True}))


_PAYLOADS = _compiled(
    select(payloads.c.name, payloads.c.salt, payloads.c.content)
    .where(payloads.c.id.between(0, 0))
    .order_by(payloads.c.name)
)


def _rows(connection: Connection, query: ClauseElement) -> Iterator[Any]:
    """The rows as the driver gives them, a few at a time: when damaged, no column need be of its type."""
    options = {"stream_results": True, "yield_per": 200}
    yield from connection.exec_driver_sql(_compiled(query), execution_options=options)
