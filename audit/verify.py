"""`licet audit verify`: is the journal what was written, whole and in order?

It reads every record and payload once, as a stream, so that memory does not grow with the journal. It tells
of damage by anybody who did not recompute every hash behind it; against one who did, only signed checkpoints
help.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, and_, exists, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from licet.audit.admission import NOBODY, STATUS_AFTER
from licet.audit.canonical import canonical, parse
from licet.audit.codec import decode_fields, event_body
from licet.audit.database import DIALECT, Database
from licet.audit.errors import JournalDamaged, ServiceDown
from licet.audit.events import RunResumed
from licet.audit.records import GENESIS, INSTALLATION, Record, record_hash
from licet.audit.schema import REVISION, events, heads, metadata, payloads
from licet.audit.triggers import trigger_faults

LARGEST_REPORT = 1000
"""The most problems that are kept; those beyond are counted."""

Kind = Literal[
    "file",
    "schema",
    "trigger",
    "changed",
    "moved",
    "removed",
    "unreadable",
    "payload changed",
    "payload removed",
    "payload inserted",
    "tail cut",
    "head",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as Licet left it.

    Attributes:
        kind: what was done, in a word.
        message: in plain words, what and where.
        stream, seq: the record, where it is about one; a stream's head has no seq.
        name: the trigger, table or payload, where it is about one.
    """

    kind: Kind
    message: str
    stream: str | None = None
    seq: int | None = None
    name: str | None = None


@dataclass(slots=True)
class Verification:
    """What was checked, and what was found: the database's own guards first, then records in order of stream
    and seq.

    Attributes:
        omitted: how many problems were found beyond those in `problems`.
    """

    streams: int = 0
    records: int = 0
    payloads: int = 0
    problems: list[Problem] = field(default_factory=list)
    omitted: int = 0

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.problems

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        if len(self.problems) < LARGEST_REPORT:
            self.problems.append(problem)
        else:
            self.omitted += 1


def verify(url: str) -> Verification:
    """Check the journal at `url`, such as `sqlite:///licet.db`, as it stands at one moment. Nothing is
    changed.

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
    except (sqlite3.Error, DBAPIError) as error:
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
    for fault in trigger_faults(connection):
        found.add(Problem("trigger", str(fault), name=fault.name))
    missing = [name for name in metadata.tables if name not in tables]
    for name in missing:
        found.add(Problem("schema", f"the table {name} is missing", name=name))
    return not missing


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
    at: _Stream | None = None
    with _file_faults(database, found, "the records cannot be read to their end"):
        for stream, seq, text, hash, *head in _rows(connection, query):
            if at is None or stream != at.name:
                if at is not None:
                    at.finish()
                at = _Stream(stream, head, found)
                found.streams += 1
            found.records += 1
            record = at.take(seq, text, hash)
            if record is not None:
                _check_payloads(connection, record, found)
        if at is not None:
            at.finish()


class _Stream:
    """One stream on its way by: what its records so far lead one to expect."""

    def __init__(self, name: Any, head: list[Any], found: Verification) -> None:
        self.name = name
        self._head = head
        self._found = found
        self._seq = 0
        self._hash: str | None = GENESIS
        self._broken: int | None = None
        self._status = ""
        self._resumed = 0

    def take(self, seq: Any, text: Any, hash: Any) -> Record | None:
        """Check the next record; None if what it says cannot be relied on."""
        if not isinstance(seq, int) or seq < 1:
            self._report("moved", seq, f"{seq!r} is not a number a record can have")
            return None
        self._check_gap(seq)
        previous, self._seq = self._hash, seq
        self._hash = None
        if not isinstance(text, str) or not isinstance(hash, str):
            self._report("changed", seq, "its text or hash is not stored as text")
            return None
        data = text.encode("utf-8", "surrogateescape")
        actual = record_hash(data)
        fields = self._parse(seq, data)
        if fields is None:
            self._hash = hash
            return None
        place = (fields.get("stream"), fields.get("seq"))
        if place != (self.name, seq):
            # Its neighbours are chained to the record that stood here, so it says nothing about them.
            where = f"record {place[1]!r} of stream {place[0]!r}"
            self._report("moved", seq, f"what stands here is {where}: it was moved, or two rows were swapped")
            return None
        if actual != hash:
            # The column still has the hash that the next record was chained to.
            self._hash = hash
            self._report(
                "changed", seq, "its text was changed: it does not give the hash that stands beside it"
            )
            return None
        self._hash = actual
        if previous is not None:
            self._check_link(seq, holds=fields.get("prev") == previous)
        return self._read(seq, data, hash, fields)

    def finish(self) -> None:
        """Compare the stream with its head."""
        _, seq, hash, claim, status = self._head
        if self._broken is not None:
            self._check_link(self._seq + 1, holds=hash == self._hash)
            self._hash = None
        if seq is None:
            self._report("head", None, "it has records, and no head: the head was removed")
            return
        if not isinstance(seq, int) or not isinstance(claim, int):
            self._report("head", None, "its head does not hold numbers where it should")
            return
        if seq > self._seq:
            self._report(
                "tail cut",
                self._seq + 1,
                f"its end was removed: it reached record {seq}, and {self._seq} is the last",
            )
            return
        if seq < self._seq:
            self._report(
                "head", seq + 1, f"its head stands at record {seq}, and records up to {self._seq} are there"
            )
            return
        if self._hash is not None and hash != self._hash:
            self._report("changed", seq, "it is not the record at which the stream's head stands")
        if not self._resumed <= claim <= seq:
            taken = f"the last was taken by record {self._resumed}" if self._resumed else "none can be"
            self._report("head", None, f"its head says the claim is record {claim}; {taken}")
        if status != self._status:
            self._report(
                "head", None, f"its head says it is {status!r}; by its records it is {self._status!r}"
            )

    def _check_gap(self, seq: int) -> None:
        if seq == self._seq + 1:
            return
        first, last = self._seq + 1, seq - 1
        which = "it was removed" if first == last else f"records {first} to {last} were removed"
        if self._broken is not None:
            self._check_link(first, holds=True)
        self._report("removed", first, which)
        self._hash = None

    def _parse(self, seq: int, data: bytes) -> dict[str, Any] | None:
        try:
            fields = parse(data)
            same = canonical(fields) == data
        except ValueError:
            fields, same = None, False
        if not isinstance(fields, dict) or not same:
            self._report("changed", seq, "its text is not the canonical JSON that Licet writes")
            return None
        return fields

    def _check_link(self, seq: int, *, holds: bool) -> None:
        """A link that does not hold tells that one of its two records was replaced; the next link tells
        which.
        """
        broken, self._broken = self._broken, None
        if broken is not None:
            self._report_replaced(broken - 1 if holds else broken)
        elif not holds and seq > 1:
            self._broken = seq
        elif not holds:
            self._report("changed", 1, "it is not the first of its stream: it names one before it")

    def _report_replaced(self, seq: int) -> None:
        self._report(
            "changed", seq, "it is not the record that its neighbours were chained to: it was replaced"
        )

    def _read(self, seq: int, data: bytes, hash: str, fields: dict[str, Any]) -> Record | None:
        try:
            record = decode_fields(self.name, seq, data, hash, fields)
        except JournalDamaged as error:
            self._report("unreadable", seq, str(error))
            return None
        if canonical(event_body(record.event)) != canonical(fields["body"]):
            self._report("unreadable", seq, "its values are not of the types that its event has")
        owner = self._head[0]
        if owner is not None and record.tenant != owner and (self.name, owner) != (INSTALLATION, NOBODY):
            self._report("head", seq, f"it is of tenant {record.tenant!r}, and its stream of {owner!r}")
        self._status = STATUS_AFTER.get(type(record.event), self._status)
        if isinstance(record.event, RunResumed):
            self._resumed = seq
        return record

    def _report(self, kind: Kind, seq: int | None, why: str) -> None:
        what = f"stream {self.name}" if seq is None else f"record {seq} of stream {self.name}"
        self._found.add(Problem(kind, f"{what}: {why}", stream=_text(self.name), seq=seq))


def _check_payloads(connection: Connection, record: Record, found: Verification) -> None:
    def report(kind: Kind, name: str, why: str) -> None:
        message = f"record {record.seq} of stream {record.stream}: its payload {name} {why}"
        found.add(Problem(kind, message, stream=_text(record.stream), seq=record.seq, name=_text(name)))

    missing = dict(record.payloads)
    for name, salt, content in connection.exec_driver_sql(_PAYLOADS, (record.stream, record.seq)):
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
            found.add(Problem("removed", message, stream=_text(stream), seq=1))
    with _file_faults(database, found, "the payloads cannot be read to their end"):
        for stream, seq, name in _rows(connection, _STRAY_PAYLOADS):
            found.payloads += 1
            message = f"record {seq} of stream {stream}: there is no such record, and a payload {name} of it"
            number = seq if isinstance(seq, int) else None
            found.add(Problem("payload inserted", message, _text(stream), number, _text(name)))


def _check_pages(connection: Connection, found: Verification) -> None:
    """SQLite's own check of the file, which sees an index that says other than its table."""
    for (line,) in connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if line != "ok":
            found.add(Problem("file", f"SQLite finds the file damaged: {line}"))


_HAS_RECORDS = exists().where(events.c.stream == heads.c.stream)
_STRAY_HEADS = select(heads.c.stream, heads.c.seq).where(~_HAS_RECORDS).order_by(heads.c.stream)

_HAS_RECORD = exists().where(and_(events.c.stream == payloads.c.stream, events.c.seq == payloads.c.seq))
_STRAY_PAYLOADS = (
    select(payloads.c.stream, payloads.c.seq, payloads.c.name)
    .where(~_HAS_RECORD)
    .order_by(payloads.c.stream, payloads.c.seq, payloads.c.name)
)


def _compiled(query: ClauseElement) -> str:
    return str(query.compile(dialect=DIALECT, compile_kwargs={"render_postcompile": True}))


_PAYLOADS = _compiled(
    select(payloads.c.name, payloads.c.salt, payloads.c.content)
    .where(payloads.c.stream == "", payloads.c.seq == 0)
    .order_by(payloads.c.name)
)


def _rows(connection: Connection, query: ClauseElement) -> Iterator[Any]:
    """The rows as the driver gives them, a few at a time: when damaged, no column need be of its type."""
    options = {"stream_results": True, "yield_per": 200}
    yield from connection.exec_driver_sql(_compiled(query), execution_options=options)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "backslashreplace").decode()
