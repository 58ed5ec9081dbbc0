"""The journal: what happened, durable and in order. A run resumes from it, and it is the audit trail."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, and_, select

from licet.audit.admission import prepare
from licet.audit.clock import Clock, SystemClock
from licet.audit.codec import Row, check_payload, decode, decode_chain
from licet.audit.database import Database
from licet.audit.errors import JournalDamaged, JournalError, KilledBySwitch
from licet.audit.records import (
    GENESIS,
    INSTALLATION,
    Appended,
    Head,
    Record,
    Unit,
    tenant_stream,
)
from licet.audit.scan import RUNS, Scan
from licet.audit.schema import REVISION, events, heads, of_record, payloads
from licet.audit.switches import ALL_ON, Switches, refreshed, switched_off
from licet.audit.triggers import trigger_faults
from licet.audit.writer import Pending, Then, Writer


class Journal:
    """Appends units of work and reads streams. `Journal.open` opens one; `close` it, or use `with`.

    Reading is safe from any thread, and sees what is committed. Appending is safe from any thread too:
    `append` and `submit` from an event loop, `append_now` without one.
    """

    def __init__(
        self, database: Database, engine: Engine, clock: Clock, switches: dict[str, Switches]
    ) -> None:
        """For `open`, which callers use."""
        self.clock = clock
        self._database = database
        self._engine = engine
        self._writer = Writer(database, switches)
        # A journal that is dropped writes what waits. Nobody may be waited for where the collector comes by.
        self._finalizer = weakref.finalize(self, self._writer.end)
        self._finalizer.atexit = False

    @classmethod
    def open(cls, url: str, *, create: bool = False, clock: Clock | None = None) -> Journal:
        """The journal at `url`, such as `sqlite:///licet.db`.

        Args:
            url: where it is kept.
            create: make it if there is none, and bring an older one up to date. Otherwise nothing is written.
            clock: where the records' times come from; the system's if None.

        Raises:
            ConfigurationError: the URL is of another kind, or the folder does not exist.
            JournalMissing: there is none, and `create` was not asked for.
            JournalOutdated: its tables are of another version of Licet.
            JournalDamaged: the file is no database, or a trigger that guards it is missing or was changed.
            ServiceDown: the database cannot be used now.
        """
        database = Database(url)
        if not database.exists:
            if not create:
                raise database.missing()
            database.make()
        engine = database.reader()
        try:
            with database.snapshot(engine) as connection:
                revision = database.revision(connection)
            if revision != REVISION:
                if revision is not None and (revision > REVISION or not create):
                    raise database.outdated(revision)
                if not create:
                    raise database.missing()
                database.make()
            with database.snapshot(engine) as connection:
                faults = trigger_faults(connection)
                if faults:
                    named = "; ".join(map(str, faults))
                    raise JournalDamaged(f"{database} is not guarded as it should be: {named}.")
                switches = {INSTALLATION: _read_switches(connection, INSTALLATION)}
            return cls(database, engine, clock or SystemClock(), switches)
        except BaseException:
            engine.dispose()
            raise

    async def append(self, unit: Unit) -> Appended:
        """Append `unit`; on return it is on the disk.

        A caller that is cancelled only stops waiting: what was queued is written.

        Raises:
            AppendRefused: nothing of it was written: FenceLost, HeadMoved, KilledBySwitch, BudgetExceeded or
                Unrecordable.
            ServiceDown: the database is locked, full or not to be reached. In the one case that the disk
                fails while it commits, the unit may come to stand all the same.
            JournalError: the journal is closed, damaged, or belongs to the process this one was forked from; or the
                handler of a signal raised while it was committed, and it may stand or not.
        """
        return await self.submit(unit)

    def submit(self, unit: Unit, then: Then | None = None) -> asyncio.Future[Appended]:
        """Queue `unit` at once, behind what was queued before it, and return without waiting.

        The future fails as `append` does. What can be told at once (Unrecordable, a closed journal) is raised
        here.

        Args:
            then: called on the loop when the unit is durable, also when nobody waits for the future any more; what
                it raises, the future fails with.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Appended] = loop.create_future()
        prepared = prepare(unit, self.clock.now())
        self._writer.put(Pending(prepared, _due(unit.linger), loop, future, then))
        return future

    def append_now(self, unit: Unit) -> Appended:
        """`append` for callers without an event loop; it blocks the thread."""
        future: Future[Appended] = Future()
        self._writer.put(Pending(prepare(unit, self.clock.now()), _due(unit.linger), None, future))
        return future.result()

    def read(self, stream: str, after: int = 0) -> list[Record]:
        """The records of `stream` behind record `after`, in order, without their payloads.

        Every record is checked against its hash, against the one before it, and the last against the stream's
        head.

        Raises:
            JournalDamaged: a record was changed, moved or removed.
        """
        with self._snapshot() as connection:
            head = _head(connection, stream)
            end, end_hash = (head.seq, head.hash) if head else (0, GENESIS)
            rows = _rows(connection, stream, after)
            return list(decode_chain(rows, stream, after=after, prev=None, end=end, end_hash=end_hash))

    def payload(self, stream: str, seq: int, name: str) -> bytes | None:
        """The payload `name` of a record; None if it was erased.

        Raises:
            JournalError: there is no such record, or it never had such a payload.
            JournalDamaged: the payload, or the record, is not what was written.
        """
        with self._snapshot() as connection:
            key = and_(events.c.stream == stream, events.c.seq == seq)
            row = connection.execute(select(events).where(key)).first()
            if row is None:
                raise JournalError(f"there is no record {seq} in stream {stream}")
            record = decode(stream, seq, row.record, row.hash)
            if name not in record.payloads:
                raise JournalError(f"record {seq} of stream {stream} has no payload {name}")
            query = select(payloads.c.salt, payloads.c.content).join_from(events, payloads, of_record())
            found = connection.execute(query.where(key, payloads.c.name == name)).first()
        if found is None:
            return None
        return check_payload(stream, seq, name, found.salt, found.content, record.payloads)

    def payloads(self, stream: str, after: int = 0) -> dict[tuple[int, str], bytes]:
        """All payloads of the records of `stream` behind record `after`, by seq and name. Erased ones are
        left out.

        Raises:
            JournalDamaged: a payload, or a record, is not what was written.
        """
        query = (
            select(events.c.seq, events.c.record, events.c.hash, payloads)
            .join_from(events, payloads, of_record())
            .where(events.c.stream == stream, events.c.seq > after)
            .order_by(events.c.seq, payloads.c.name)
        )
        contents: dict[tuple[int, str], bytes] = {}
        digests: dict[str, str] = {}
        last = 0
        with self._snapshot() as connection:
            for row in connection.execute(query):
                if row.seq != last:
                    digests = decode(stream, row.seq, row.record, row.hash).payloads
                    last = row.seq
                content = check_payload(stream, row.seq, row.name, row.salt, row.content, digests)
                contents[row.seq, row.name] = content
        return contents

    def heads(
        self,
        *,
        runs: bool = True,
        tenant: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> list[Head]:
        """Where streams stand, newest run first.

        Args:
            runs: only runs; otherwise the installation's and the tenants' streams too, and those of shadow policies.
            tenant: only this tenant's.
            status: only those, such as `suspended`.
            limit: at most so many.
        """
        query = select(heads).order_by(heads.c.stream.desc())
        if runs:
            query = query.where(*RUNS)
        if tenant is not None:
            query = query.where(heads.c.tenant == tenant)
        if status is not None:
            query = query.where(heads.c.status == status)
        if limit is not None:
            query = query.limit(limit)
        with self._snapshot() as connection:
            return [Head(*row) for row in connection.execute(query)]

    def head(self, stream: str) -> Head | None:
        """Where `stream` stands; None if there is no such stream."""
        with self._snapshot() as connection:
            return _head(connection, stream)

    @contextmanager
    def scan(self) -> Iterator[Scan]:
        """Read whole streams, one after the other, as they stand at this moment and in constant memory."""
        with self._snapshot() as connection:
            yield Scan(connection)

    def killed(self, tenant: str, scopes: Iterable[str]) -> KilledBySwitch | None:
        """The kill switch that covers one of `scopes`, as of the last batch this process wrote; None if all
        are on.

        It is what to ask before work begins; a unit with `scopes` is what cannot be overtaken.

        Raises:
            JournalDamaged: the switches cannot be read.
        """
        self._writer.check()
        switches = self._writer.switches
        stream = tenant_stream(tenant)
        of_tenant = switches.get(stream)
        if of_tenant is None:
            with self._snapshot() as connection:
                of_tenant = switches.setdefault(stream, _read_switches(connection, stream))
        return switched_off((switches[INSTALLATION], of_tenant), scopes)

    def close(self) -> None:
        """Wait for what is queued, then let go of the database. A closed journal cannot be used again."""
        self._finalizer.detach()
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        self._writer.check()
        with self._database.snapshot(self._engine) as connection:
            yield connection


def _due(linger: float) -> float:
    return time.monotonic() + linger if linger > 0 else 0.0


def _head(connection: Connection, stream: str) -> Head | None:
    row = connection.execute(select(heads).where(heads.c.stream == stream)).first()
    return None if row is None else Head(*row)


def _rows(connection: Connection, stream: str, after: int) -> Iterable[Row]:
    query = select(events).where(events.c.stream == stream, events.c.seq > after).order_by(events.c.seq)
    for row in connection.execute(query):
        yield row.stream, row.seq, row.record, row.hash


def _read_switches(connection: Connection, stream: str) -> Switches:
    head = _head(connection, stream)
    return refreshed(ALL_ON, stream, head, lambda stream, after: _rows(connection, stream, after))
