"""The tables that the code means are those that the migrations make."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from journal_story import unit, url_of

from licet.audit.database import Database
from licet.audit.definitions import schema_faults
from licet.audit.journal import Journal
from licet.audit.schema import REVISION, VERSION_TABLE, metadata
from licet.audit.triggers import trigger_faults


def test_the_migrations_lead_to_the_tables_and_triggers_that_the_code_means(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path / "licet.db"))
    database.make()
    engine = database.reader()
    with database.snapshot(engine) as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        assert trigger_faults(connection) == []
        assert schema_faults(connection) == []
        assert database.revision(connection) == REVISION
    engine.dispose()


def test_the_code_knows_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "licet.audit:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_only_its_owner_may_read_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "licet.db"
    before = os.umask(0o022)
    try:
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(unit("run-1"))
            files = sorted(tmp_path.iterdir())
            assert [file.name for file in files] == ["licet.db", "licet.db-shm", "licet.db-wal"]
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    finally:
        os.umask(before)


def test_a_journal_that_was_there_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "licet.db"
    path.touch()
    path.chmod(0o640)
    Database(url_of(path)).make()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_making_it_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "licet.db"
    Database(url_of(path)).make()
    Database(url_of(path)).make()
    database = Database(url_of(path))
    engine = database.reader()
    with database.snapshot(engine) as connection:
        assert trigger_faults(connection) == []
    engine.dispose()
