"""A journal's SQLite file: address, connections, making, faults. What is particular to SQLite is here."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, Text, column, create_engine, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from licet.audit.errors import (
    ConfigurationError,
    JournalDamaged,
    JournalError,
    JournalMissing,
    JournalOutdated,
    LicetError,
    ServiceDown,
)
from licet.audit.schema import REVISION, VERSION_TABLE

DIALECT = sqlite.dialect()
"""Statements are compiled for it."""

BUSY_SECONDS = 10.0
"""How long to wait for another process that is writing."""

FAULTS = (sqlite3.Error, DBAPIError, UnicodeDecodeError)
"""What a damaged or missing database makes the driver raise. The last is what it makes of its own message when
a name in that is not valid UTF-8.
"""

_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)


PAGE_BYTES = 2048
"""Of a new database. A commit writes every page it touches to the log, whole; for records of about a kilobyte SQLite's
own 4096 makes that half as much again, and a commit a tenth dearer.
"""


class Database:
    """Where a journal is kept.

    Attributes:
        path: the file, absolute, so that a change of the working directory changes nothing.
    """

    def __init__(self, url: str) -> None:
        """`url` is `sqlite:///relative.db` or `sqlite:////absolute.db`.

        Raises:
            ConfigurationError: another kind of URL.
        """
        self.path = _path_of(url)
        self._address = str(self.path)  # a Path would be turned into text at each commit

    def __str__(self) -> str:
        return f"the journal {self.path}"

    @property
    def exists(self) -> bool:
        """There is a file; what is in it is another question.

        Raises:
            ServiceDown: whether there is one cannot be told, as where a folder may not be entered.
        """
        try:
            return self.path.is_file()
        except OSError as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: OSError) -> ServiceDown:
        return ServiceDown(
            f"{self} cannot be reached: {error.strerror}. Check --database and the permissions of its folders."
        )

    def missing(self) -> JournalMissing:
        """What to raise when there is none."""
        return JournalMissing(
            f"there is no journal at {self.path}. Check --database; a runtime makes one when it first starts."
        )

    def reader(self, *, lossless: bool = False) -> Engine:
        """Connections that only read, one for each thread that asks at the same time.

        With `lossless`, text that is not valid UTF-8 comes as surrogate escapes instead of an error, and a
        write-ahead log that stands beside the file stays there as it is.
        """

        def connect() -> sqlite3.Connection:
            connection = self._connect_to_read(keep_log=lossless)
            if lossless:
                connection.text_factory = _decode
            return connection

        return create_engine("sqlite://", creator=connect, poolclass=QueuePool, pool_size=8, max_overflow=56)

    @contextmanager
    def snapshot(self, engine: Engine) -> Iterator[Connection]:
        """A connection that sees one state of the journal throughout; its faults become Licet's."""
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                yield connection
        except FAULTS as error:
            raise self.fault(error) from error

    def connect_to_write(self) -> sqlite3.Connection:
        """The writer's connection: WAL, every commit on the disk before it returns.

        Raises:
            sqlite3.Error: see `fault`.
        """
        connection = self._connect("mode=rw")
        try:
            _make_durable(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def make(self) -> None:
        """Bring the tables to this version's; make the file first if there is none.

        Raises:
            ConfigurationError: the folder does not exist, or the file is another application's.
            ServiceDown: the file cannot be made.
        """
        try:
            if not self.path.parent.is_dir():
                raise ConfigurationError(
                    f"the folder {self.path.parent} does not exist; make it, then start again"
                )
            self._make_file()
        except OSError as error:
            raise self._unreachable(error) from None
        engine = create_engine("sqlite://", creator=self._connect_to_make)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                if self.revision(connection) is None and _has_tables(connection):
                    raise ConfigurationError(
                        f"{self.path} holds the tables of something else; give Licet its own file"
                    )
                _migrate(connection)
                connection.commit()
        except FAULTS as error:
            raise self.fault(error) from error
        finally:
            engine.dispose()

    def revision(self, connection: Connection) -> str | None:
        """The version the tables are at; None if they are not there."""
        found = connection.exec_driver_sql(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
        ).first()
        if found is None:
            return None
        row = connection.execute(
            select(column("version_num", Text)).select_from(table(VERSION_TABLE))
        ).first()
        return None if row is None else str(row[0])

    def outdated(self, revision: str) -> JournalOutdated:
        """What to raise when the tables are at `revision` and not at ours."""
        if revision < REVISION:
            remedy = "start a runtime on it once, which brings it up to date"
        else:
            remedy = "it was made by a newer Licet: upgrade this one"
        return JournalOutdated(f"{self} is at version {revision} and not at {REVISION}; {remedy}.")

    def identity(self) -> tuple[int, int]:
        """Which file stands at the path. A file removed under a writer would swallow what is written."""
        try:
            found = os.stat(self._address)  # noqa: PTH116
        except OSError:
            raise self.missing() from None
        return found.st_dev, found.st_ino

    def fault(self, error: Exception) -> LicetError:
        """`error`, which a driver raised, as one that says what to do."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return ServiceDown(f"{self} was locked by another process for {BUSY_SECONDS:.0f} s; try again.")
        if code == sqlite3.SQLITE_FULL:
            return ServiceDown(f"the disk that holds {self} is full; make room, then try again.")
        if code in _UNAVAILABLE:
            return ServiceDown(f"{self} cannot be used: {cause}. Check the file's permissions and its disk.")
        if isinstance(cause, sqlite3.ProgrammingError | sqlite3.InterfaceError | sqlite3.NotSupportedError):
            return JournalError(f"{self} was asked for what it cannot do: {cause}")
        if isinstance(cause, UnicodeDecodeError):
            return JournalDamaged(f"{self} is damaged: a name in it is not text. Run `licet audit verify`.")
        return JournalDamaged(f"{self} is damaged: {cause}. Run `licet audit verify`.")

    def _make_file(self) -> None:
        """An empty file that only its owner may read; SQLite gives -wal and -shm the permissions it has."""
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            # Not opened: to close a file lets go of every lock that this process has on it.
            return

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(str(self.path))}?{mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    def _connect_to_read(self, *, keep_log: bool) -> sqlite3.Connection:
        # The last connection that may write folds the log into the file and removes -wal and -shm; one that
        # may not leaves them behind, and makes them where there are none.
        connection = self._connect("mode=ro" if keep_log and self._log.exists() else "mode=rw")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except FAULTS as error:
            connection.close()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            # An auditor's copy on read-only media: nobody can be writing, and WAL's files cannot be made.
            if code not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY) or not self._is_still():
                raise
            connection = self._connect("mode=ro&immutable=1")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _is_still(self) -> bool:
        return self.exists and not os.access(self.path.parent, os.W_OK) and not self._log.exists()

    @property
    def _log(self) -> Path:
        return Path(f"{self.path}-wal")

    def _connect_to_make(self) -> sqlite3.Connection:
        connection = self._connect("mode=rwc")
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                _make_durable(connection)
                return connection
            except sqlite3.Error as error:
                # Going over to WAL does not wait for others who do the same at this moment, so we do.
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    connection.close()
                    raise
                time.sleep(0.01)


def _path_of(url: str) -> Path:
    example = "give one like sqlite:///licet.db (relative) or sqlite:////var/lib/licet.db (absolute)"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"the database URL cannot be read; {example}") from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(f"a journal is not kept in {parsed.drivername}; {example}")
    if parsed.host or parsed.query or not parsed.database or parsed.database == ":memory:":
        raise ConfigurationError(f"a journal is kept in a file, and its URL takes no options; {example}")
    return Path.cwd() / parsed.database


def _make_durable(connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise ServiceDown(f"SQLite cannot keep a write-ahead log there (it says {mode}); use a local disk.")
    connection.execute("PRAGMA synchronous = FULL")
    # macOS only: its fsync returns before the disk has the data.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute(f"PRAGMA journal_size_limit = {64 * 1024 * 1024}")


def _has_tables(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE type = 'table'").first() is not None


def _migrate(connection: Connection) -> None:
    # Alembic takes half a second to import, and is needed once in the life of a journal.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "licet.audit:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _decode(data: bytes) -> Any:
    return data.decode("utf-8", "surrogateescape")
