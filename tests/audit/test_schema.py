"""The tables that the code means are those that the migrations make."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from journal_story import url_of

from licet.audit.database import Database
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
        assert database.revision(connection) == REVISION
    engine.dispose()


def test_the_code_knows_the_last_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "licet.audit:migrations")
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_making_it_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "licet.db"
    Database(url_of(path)).make()
    Database(url_of(path)).make()
    database = Database(url_of(path))
    engine = database.reader()
    with database.snapshot(engine) as connection:
        assert trigger_faults(connection) == []
    engine.dispose()
