"""Whatever is done to a journal behind Licet's back, `verify` says so and names the place."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_story import (
    FINISHED,
    RESUMED,
    STARTED,
    SUSPENDED,
    draft,
    fact,
    switch_off,
    tampering,
    unit,
    url_of,
)

from licet.audit.canonical import canonical, parse
from licet.audit.errors import ConfigurationError, JournalDamaged, JournalMissing, ServiceDown
from licet.audit.journal import Journal
from licet.audit.records import record_hash
from licet.audit.triggers import TRIGGERS
from licet.audit.verify import Problem, verify

EVENTS = ("events_no_update", "events_no_delete", "events_no_replace")
PAYLOADS = ("payloads_no_update", "payloads_no_delete", "payloads_no_replace")
OF_THIRD = "id / 16 = (SELECT id FROM events WHERE stream = 'run-1' AND seq = 3)"
HEADS = ("heads_no_delete", "heads_no_rewind", "heads_no_replace")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("journal") / "licet.db"
    with Journal.open(url_of(path), create=True) as journal:
        journal.append_now(switch_off("tool:x"))
        for run in ("run-1", "run-2", "run-3"):
            journal.append_now(unit(run, draft(STARTED, input=b'"hello"', principal=b"{}"), takes_claim=True))
            for number in range(4):
                journal.append_now(unit(run, draft(fact(f"c-{number}"), args=b'{"amount":"120.00"}')))
        journal.append_now(unit("run-1", FINISHED, takes_claim=True))
        journal.append_now(unit("run-2", SUSPENDED, takes_claim=True))
        journal.append_now(unit("run-2", fact("late")))
        journal.append_now(unit("run-3", SUSPENDED, takes_claim=True))
        journal.append_now(unit("run-3", RESUMED, takes_claim=True))
    return path


@pytest.fixture
def path(written: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "licet.db"
    shutil.copy(written, copy)
    return copy


def problems(path: Path) -> list[Problem]:
    return verify(url_of(path)).problems


def found(path: Path) -> list[tuple[str, str | None, int | None]]:
    return [(problem.kind, problem.stream, problem.seq) for problem in problems(path)]


def rewrite(
    connection: sqlite3.Connection, stream: str, seq: int, change: Callable[[dict[str, object]], None]
) -> str:
    """Replace a record by one that is valid in itself, and give its hash."""
    [text] = connection.execute(
        "SELECT record FROM events WHERE stream = ? AND seq = ?", (stream, seq)
    ).fetchone()
    fields = parse(text.encode())
    assert isinstance(fields, dict)
    change(fields)
    forged = canonical(fields)
    values = (stream, seq, forged.decode(), record_hash(forged))
    connection.execute(
        "INSERT OR REPLACE INTO events SELECT id, ?1, ?2, ?3, ?4 FROM events WHERE stream = ?1 AND seq = ?2",
        values,
    )
    return record_hash(forged)


def test_a_journal_as_it_was_written_is_whole(path: Path) -> None:
    verification = verify(url_of(path))
    assert verification.ok
    assert verification.problems == []
    assert (verification.streams, verification.records, verification.payloads) == (4, 1 + 3 * 5 + 5, 3 * 6)
    assert list(path.parent.iterdir()) == [path]


def test_a_journal_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing):
        verify(url_of(tmp_path / "licet.db"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError):
        verify("sqlite://")


def test_a_place_that_cannot_be_looked_at(tmp_path: Path) -> None:
    url = url_of(tmp_path / ("long" * 100))
    with pytest.raises(ServiceDown, match="cannot be reached"):
        verify(url)
    for create in (False, True):
        with pytest.raises(ServiceDown, match="cannot be reached"):
            Journal.open(url, create=create)


def test_it_reads_one_moment_while_others_write(path: Path) -> None:
    with Journal.open(url_of(path)) as journal:
        journal.append_now(unit("run-9"))
        assert verify(url_of(path)).records == 22


class TestRecords:
    def test_one_value_changed(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute(
                "UPDATE events SET record = replace(record, 'c-2', 'c-7') WHERE stream='run-2' AND seq=4"
            )
        assert found(path) == [("changed", "run-2", 4)]
        assert "record 4 of stream run-2" in problems(path)[0].message

    @pytest.mark.parametrize("seq", [1, 3, 6])
    def test_a_row_replaced_by_one_that_is_valid_in_itself(self, path: Path, seq: int) -> None:
        def change(fields: dict[str, object]) -> None:
            fields["time"] = "2020-01-01T00:00:00.000000Z"

        with tampering(path, *EVENTS) as connection:
            rewrite(connection, "run-1", seq, change)
        assert found(path) == [("changed", "run-1", seq)]

    @pytest.mark.parametrize("seq", [1, 3, 6])
    def test_a_row_replaced_by_one_with_another_past(self, path: Path, seq: int) -> None:
        with tampering(path, *EVENTS) as connection:
            rewrite(connection, "run-1", seq, lambda fields: fields.update(prev="f" * 64))
        assert ("changed", "run-1", seq) == found(path)[0]

    def test_a_row_removed(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq = 3")
        assert found(path)[0] == ("removed", "run-1", 3)
        # And of its payloads, that they belong to no record.
        assert {(problem.stream, problem.seq) for problem in problems(path)} == {("run-1", 3), (None, None)}

    def test_a_row_removed_and_written_again_under_another_id(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("UPDATE events SET id = id + 1000 WHERE stream = 'run-1' AND seq = 3")
        assert found(path) == [
            ("payload removed", "run-1", 3),
            ("payload inserted", None, None),
        ]

    @pytest.mark.parametrize("id", [1000, 2**53 - 1])
    def test_an_id_that_nothing_hangs_on_is_missed_all_the_same(self, path: Path, id: int) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("UPDATE events SET id = ? WHERE stream = 'run-2' AND seq = 6", (id,))
        told = [
            problem
            for problem in problems(path)
            if f"its id is {id}, and none has {id - 1}" in problem.message
        ]
        assert len(told) == 1 and {problem.kind for problem in problems(path)} == {"removed"}

    @pytest.mark.parametrize("id", [0, -1, 2**53, 2**59, 2**62, 2**63 - 1, -(2**63)])
    @pytest.mark.parametrize("seq", [1, 6])
    def test_an_id_that_no_record_can_have(self, path: Path, id: int, seq: int) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            update = "UPDATE events SET id = ? WHERE stream = 'run-1' AND seq = ?"
            connection.execute(update, (id, seq))
            connection.execute("UPDATE events SET record = '{}' WHERE stream = 'run-2' AND seq = 4")
        assert ("moved", "run-1", seq) in found(path)
        assert ("run-2", 4) in {(stream, seq) for _, stream, seq in found(path)}, (
            "and nothing hides behind it"
        )

    def test_two_ids_swapped(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            query = "SELECT id FROM events WHERE stream = ? AND seq = 1"
            (one,), (two,) = (connection.execute(query, (run,)).fetchone() for run in ("run-1", "run-2"))
            for old, new in ((one, 1000), (two, one), (1000, two)):
                connection.execute("UPDATE events SET id = ? WHERE id = ?", (new, old))
        assert set(found(path)) == {("payload changed", "run-1", 1), ("payload changed", "run-2", 1)}

    def test_the_first_rows_removed(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq <= 2")
        assert found(path)[0] == ("removed", "run-1", 1)
        assert "records 1 to 2" in problems(path)[0].message

    def test_the_last_row_removed_of_a_run_that_was_finished(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq = 6")
        assert found(path) == [("tail cut", "run-1", 6)]

    def test_a_whole_stream_removed(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1'")
        assert found(path)[0] == ("removed", "run-1", 1)

    @pytest.mark.parametrize("columns", ["record, hash", "record"])
    def test_two_rows_swapped(self, path: Path, columns: str) -> None:
        with tampering(path, *EVENTS) as connection:
            query = f"SELECT {columns} FROM events WHERE stream = 'run-1' AND seq = ?"
            two, three = (connection.execute(query, (seq,)).fetchone() for seq in (2, 3))
            marks = ", ".join(f"{column} = ?" for column in columns.split(", "))
            for seq, row in ((2, three), (3, two)):
                update = f"UPDATE events SET {marks} WHERE stream = 'run-1' AND seq = ?"
                connection.execute(update, (*row, seq))
        assert found(path) == [("moved", "run-1", 2), ("moved", "run-1", 3)]

    def test_a_row_taken_from_another_run(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute(
                "UPDATE events SET (record, hash) = (SELECT record, hash FROM events"
                " WHERE stream = 'run-2' AND seq = 3) WHERE stream = 'run-1' AND seq = 3"
            )
        assert found(path) == [("moved", "run-1", 3)]
        assert "run-2" in problems(path)[0].message

    def test_a_row_added_at_the_end(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute(
                "INSERT INTO events SELECT (SELECT max(id) + 1 FROM events), 'run-1', 7, record, hash FROM events"
                " WHERE stream = 'run-1' AND seq = 6"
            )
        assert found(path)[0] == ("moved", "run-1", 7)

    @pytest.mark.parametrize(
        "stored",
        [
            "'{}'",
            "'[]'",
            "'null'",
            "''",
            "'{'",
            "replace(record, ',', ', ')",
            "substr(record, 1, 40)",
            "CAST(record AS BLOB)",
            "CAST(x'fffe' AS TEXT)",
            "17",
            "replace(record, '\"seq\":3', '\"seq\":3.5')",
            "replace(record, 'call.in_doubt', 'call.unheard_of')",
            "replace(record, '\"v\":1', '\"v\":2')",
        ],
    )
    @pytest.mark.parametrize("hashed", [False, True])
    def test_anything_else_stored_in_its_place(self, path: Path, stored: str, hashed: bool) -> None:
        with tampering(path, *EVENTS) as connection:
            update = f"UPDATE events SET record = {stored} WHERE stream = 'run-1' AND seq = 3"
            connection.execute(update)
            if hashed:
                [data] = connection.execute(
                    "SELECT CAST(record AS BLOB) FROM events WHERE stream = 'run-1' AND seq = 3"
                ).fetchone()
                connection.execute(
                    "UPDATE events SET hash = ? WHERE stream = 'run-1' AND seq = 3", (record_hash(data),)
                )
        assert ("run-1", 3) in {(stream, seq) for _, stream, seq in found(path)}
        assert {stream for _, stream, _ in found(path)} == {"run-1"}

    def test_values_that_only_look_alike(self, path: Path) -> None:
        def change(fields: dict[str, object]) -> None:
            fields["body"] = {**fields["body"], "active_ms": "2250"}  # type: ignore[dict-item]

        with tampering(path, *EVENTS, *HEADS) as connection:
            hash = rewrite(connection, "run-1", 6, change)
            connection.execute("UPDATE heads SET hash = ? WHERE stream = 'run-1'", (hash,))
        assert found(path) == [("unreadable", "run-1", 6)]

    def test_a_number_beyond_what_a_record_can_hold(self, path: Path) -> None:
        def change(text: str) -> str:
            return text.replace('"active_ms":2250', '"active_ms":9007199254740992')

        with tampering(path, *EVENTS, *HEADS) as connection:
            query = "SELECT record FROM events WHERE stream = 'run-1' AND seq = 6"
            text = change(connection.execute(query).fetchone()[0])
            forged = (text, record_hash(text.encode()))
            connection.execute(
                "UPDATE events SET record = ?, hash = ? WHERE stream='run-1' AND seq=6", forged
            )
            connection.execute("UPDATE heads SET hash = ? WHERE stream = 'run-1'", forged[1:])
        assert found(path) == [("unreadable", "run-1", 6)]

    def test_damage_in_several_places_is_named_in_order(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("UPDATE events SET record = replace(record, 'c-2', 'c-7') WHERE seq = 4")
        assert found(path) == [("changed", f"run-{run}", 4) for run in (1, 2, 3)]


class TestPayloads:
    def test_a_byte_changed(self, path: Path) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute(
                f"UPDATE payloads SET content = CAST(replace(content, '120', '920') AS BLOB) WHERE {OF_THIRD}"
            )
        [problem] = problems(path)
        assert (problem.kind, problem.stream, problem.seq, problem.name) == (
            "payload changed",
            "run-1",
            3,
            "args",
        )

    def test_its_salt_changed(self, path: Path) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute(f"UPDATE payloads SET salt = zeroblob(16) WHERE {OF_THIRD}")
        assert found(path) == [("payload changed", "run-1", 3)]

    def test_stored_as_something_else(self, path: Path) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute(f"UPDATE payloads SET content = 'text' WHERE {OF_THIRD}")
        assert found(path) == [("payload changed", "run-1", 3)]

    def test_removed(self, path: Path) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute(
                "DELETE FROM payloads WHERE name = 'principal'"
                " AND id / 16 = (SELECT id FROM events WHERE stream = 'run-1' AND seq = 1)"
            )
        [problem] = problems(path)
        assert (problem.kind, problem.stream, problem.seq, problem.name) == (
            "payload removed",
            "run-1",
            1,
            "principal",
        )

    def test_inserted(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute(
                "INSERT INTO payloads SELECT id * 16 + 15, 'forged', zeroblob(16), x'00' FROM events"
                " WHERE stream = 'run-1' AND seq = 3"
            )
        [problem] = problems(path)
        assert (problem.kind, problem.stream, problem.seq, problem.name) == (
            "payload inserted",
            "run-1",
            3,
            "forged",
        )

    def test_inserted_beside_one_of_the_same_name(self, path: Path) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute(
                "INSERT INTO payloads SELECT id + 15 - id % 16, name, salt, content FROM payloads"
                " WHERE name = 'principal' ORDER BY id LIMIT 1"
            )
        [problem] = problems(path)
        assert (problem.kind, problem.seq, problem.name) == ("payload inserted", 1, "principal")

    @pytest.mark.parametrize("id", [0, 15, -1, -17, 16_000_000, 2**63 - 1, -(2**63)])
    def test_inserted_where_there_is_no_record(self, path: Path, id: int) -> None:
        with tampering(path, *PAYLOADS) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("INSERT INTO payloads VALUES (?, 'forged', zeroblob(16), x'00')", (id,))
        problem = problems(path)[0]
        assert (problem.kind, problem.stream, problem.name) == ("payload inserted", None, "forged")
        assert f"number {id}, and belongs to no record" in problem.message


class TestHeads:
    @pytest.mark.parametrize(
        "change",
        [
            "status = 'running'",
            "status = 'suspended'",
            "claim = 3",
            "tenant = 'rival'",
            "hash = '" + "f" * 64 + "'",
            "seq = 5",
            "seq = 'x'",
            "seq = NULL",
        ],
    )
    def test_a_head_that_says_other_than_the_records(self, path: Path, change: str) -> None:
        with tampering(path, *HEADS) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            if change == "claim = 3":
                connection.execute("UPDATE heads SET claim = 3 WHERE stream = 'run-3'")
            elif change == "seq = NULL":
                connection.execute("DELETE FROM heads WHERE stream = 'run-1'")
            else:
                connection.execute(f"UPDATE heads SET {change} WHERE stream = 'run-1'")
        streams = {stream for _, stream, _ in found(path) if stream}
        assert streams == {"run-3" if change == "claim = 3" else "run-1"}

    @pytest.mark.parametrize(
        ("stream", "claim"), [("run-1", 1), ("run-2", 1), ("run-3", 6), ("installation", 1)]
    )
    def test_a_claim_that_was_moved(self, path: Path, stream: str, claim: int) -> None:
        """Back, so that a worker that was fenced off may write again, or to where nobody took it."""
        with tampering(path, *HEADS) as connection:
            connection.execute("UPDATE heads SET claim = ? WHERE stream = ?", (claim, stream))
        assert found(path) == [("head", stream, None)]
        assert f"the claim is record {claim}; by its records" in problems(path)[0].message

    def test_a_claim_within_the_unit_that_took_it(self, tmp_path: Path) -> None:
        path = tmp_path / "licet.db"
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(unit("run-1", STARTED))
            journal.append_now(unit("run-1", fact("c-1"), fact("c-2"), SUSPENDED))
            journal.append_now(unit("run-1", fact("late")))
            head = journal.head("run-1")
            assert head is not None and head.claim == 2
        assert problems(path) == []
        with tampering(path, *HEADS) as connection:
            connection.execute("UPDATE heads SET claim = 1")
        assert "one of records 2 to 4" in problems(path)[0].message

    def test_a_tail_cut_together_with_its_head(self, path: Path) -> None:
        """What a thorough stranger leaves: a status that no record explains."""
        with tampering(path, *EVENTS, *HEADS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq = 6")
            connection.execute(
                "UPDATE heads SET seq = 5, claim = 1,"
                " hash = (SELECT hash FROM events WHERE stream = 'run-1' AND seq = 5)"
                " WHERE stream = 'run-1'"
            )
        assert found(path) == [("head", "run-1", None)]
        assert "finished" in problems(path)[0].message

    def test_a_whole_run_removed_together_with_its_head(self, path: Path) -> None:
        with tampering(path, *EVENTS, *PAYLOADS, *HEADS) as connection:
            of_run = "(SELECT id FROM events WHERE stream = 'run-1')"
            connection.execute(f"DELETE FROM payloads WHERE id / 16 IN {of_run}")
            connection.execute("DELETE FROM events WHERE stream = 'run-1'")
            connection.execute("DELETE FROM heads WHERE stream = 'run-1'")
        first = problems(path)[0]
        assert first.kind == "removed" and "record 1 of stream run-2" in first.message

    def test_a_tail_cut_with_a_head_that_fits_what_is_left(self, path: Path) -> None:
        with tampering(path, *EVENTS, *PAYLOADS, *HEADS) as connection:
            of_tail = "(SELECT id FROM events WHERE stream = 'run-1' AND seq > 3)"
            connection.execute(f"DELETE FROM payloads WHERE id / 16 IN {of_tail}")
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq > 3")
            connection.execute(
                "UPDATE heads SET seq = 3, claim = 1, status = 'running',"
                " hash = (SELECT hash FROM events WHERE stream = 'run-1' AND seq = 3)"
                " WHERE stream = 'run-1'"
            )
        assert {problem.kind for problem in problems(path)} == {"removed"}


class TestGuards:
    @pytest.mark.parametrize("name", TRIGGERS)
    def test_a_trigger_missing(self, path: Path, name: str) -> None:
        with tampering(path) as connection:
            connection.execute(f"DROP TRIGGER {name}")
        [problem] = problems(path)
        assert (problem.kind, problem.name) == ("trigger", name)
        assert f"{name} is missing" in problem.message

    @pytest.mark.parametrize("name", TRIGGERS)
    def test_a_trigger_weakened(self, path: Path, name: str) -> None:
        with tampering(path) as connection:
            connection.execute(f"DROP TRIGGER {name}")
            connection.execute(TRIGGERS[name].replace("RAISE(ABORT,", "coalesce(NULL,"))
        [problem] = problems(path)
        assert (problem.kind, problem.name) == ("trigger", name)
        assert "changed" in problem.message

    def test_a_trigger_added(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute(
                "CREATE TRIGGER quiet AFTER INSERT ON events BEGIN UPDATE budgets SET used = 0; END"
            )
        assert [problem.name for problem in problems(path)] == ["quiet"]

    def test_damage_hides_no_missing_trigger_and_the_other_way_round(self, path: Path) -> None:
        with tampering(path, *EVENTS) as connection:
            connection.execute("DELETE FROM events WHERE stream = 'run-1' AND seq = 6")
            connection.execute("DROP TRIGGER heads_no_delete")
        assert [problem.kind for problem in problems(path)] == ["trigger", "tail cut"]

    def test_another_version(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute("UPDATE licet_version SET version_num = '9999'")
        assert [problem.kind for problem in problems(path)] == ["schema"]

    def test_a_second_version(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute("INSERT INTO licet_version VALUES ('9999')")
        assert [(problem.kind, problem.name) for problem in problems(path)] == [("schema", "licet_version")]

    def test_a_trigger_on_the_version(self, path: Path) -> None:
        with tampering(path) as connection:
            connection.execute(
                "CREATE TRIGGER quiet AFTER INSERT ON licet_version BEGIN UPDATE budgets SET used = 0; END"
            )
        assert [(problem.kind, problem.name) for problem in problems(path)] == [("trigger", "quiet")]

    @pytest.mark.parametrize(
        ("table", "columns"),
        [
            ("events", "id INTEGER PRIMARY KEY, stream TEXT, seq BIGINT, record TEXT, hash VARCHAR(64)"),
            ("payloads", "id INTEGER PRIMARY KEY, name, salt, content"),
            ("heads", "stream TEXT PRIMARY KEY, tenant, seq, hash, claim, status"),
            ("budgets", "budget TEXT PRIMARY KEY, used BIGINT"),
            ("licet_version", "version_num VARCHAR(32) NOT NULL"),
        ],
    )
    def test_a_table_made_again_without_its_constraints(self, path: Path, table: str, columns: str) -> None:
        dropped = [name for name in TRIGGERS if name.startswith(f"{table}_")]
        with tampering(path, *dropped) as connection:
            connection.execute(f"ALTER TABLE {table} RENAME TO old")
            connection.execute(f"CREATE TABLE {table} ({columns})")
            connection.execute(f"INSERT INTO {table} SELECT * FROM old")
            connection.execute("DROP TABLE old")
        assert ("schema", table) in {(problem.kind, problem.name) for problem in problems(path)}

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ("ALTER TABLE events ADD COLUMN more TEXT DEFAULT 'x'", "events"),
            ("ALTER TABLE heads ADD COLUMN more AS (status)", "heads"),
            ("DROP INDEX heads_by_status", "heads_by_status"),
            ("CREATE INDEX quick ON payloads (length(content))", "quick"),
            ("CREATE UNIQUE INDEX quick ON events (hash)", "quick"),
            ("CREATE VIEW window AS SELECT * FROM events", "window"),
            ("CREATE TABLE more (a)", "more"),
        ],
    )
    def test_anything_added_or_taken_away(self, path: Path, change: str, named: str) -> None:
        with tampering(path) as connection:
            connection.execute(change)
        assert [(problem.kind, problem.name) for problem in problems(path)] == [("schema", named)]

    def test_what_is_quoted_from_the_file_can_be_shown(self, path: Path) -> None:
        with tampering(path, *HEADS) as connection:
            connection.execute("UPDATE heads SET stream = CAST(x'fffe' AS TEXT) WHERE stream = 'run-1'")
            connection.execute("CREATE TABLE more (a)")
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_master SET tbl_name = x'ff', type = x'fe' WHERE name = 'more'")
        assert len(problems(path)) > 0
        for problem in problems(path):
            for text in (problem.message, problem.name, problem.stream):
                assert text is None or text.encode()

    @pytest.mark.parametrize("table", ["events", "payloads", "heads", "budgets"])
    def test_a_table_missing(self, path: Path, table: str) -> None:
        with tampering(path) as connection:
            connection.execute(f"DROP TABLE {table}")
        assert table in {problem.name for problem in problems(path) if problem.kind == "schema"}

    def test_no_journal_at_all(self, tmp_path: Path) -> None:
        path = tmp_path / "licet.db"
        path.touch()
        assert [problem.kind for problem in problems(path)] == ["schema"]


class TestFile:
    def test_not_a_database(self, tmp_path: Path) -> None:
        path = tmp_path / "licet.db"
        path.write_bytes(b"a text of some length\n" * 500)
        assert [problem.kind for problem in problems(path)] == ["file"]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(st.data())
    def test_any_page_overwritten_is_told_and_never_a_traceback(
        self, written: Path, path: Path, data: st.DataObject
    ) -> None:
        size = written.stat().st_size
        page = data.draw(st.integers(0, size // 4096 - 1))
        noise = data.draw(st.binary(min_size=16, max_size=64))
        original = written.read_bytes()
        start = page * 4096
        path.write_bytes(original[:start] + (noise * 256)[:4096] + original[start + 4096 :])
        assert problems(path) != []

    def test_a_file_cut_short(self, written: Path, path: Path) -> None:
        os.truncate(path, written.stat().st_size // 2)
        assert problems(path) != []

    def test_one_byte_of_one_amount_in_the_raw_file(self, written: Path, path: Path) -> None:
        raw = written.read_bytes()
        at = raw.index(b'"120.00"')
        path.write_bytes(raw[: at + 1] + b"9" + raw[at + 2 :])
        [problem] = problems(path)
        assert (problem.kind, problem.name) == ("payload changed", "args")

    def test_a_name_in_the_schema_that_is_no_text(self, written: Path, path: Path) -> None:
        path.write_bytes(written.read_bytes().replace(b"heads_by_status", b"\x9beads_by_status", 1))
        [problem] = problems(path)
        assert problem.kind == "file" and problem.message.encode()
        with pytest.raises(JournalDamaged):
            Journal.open(url_of(path))

    @pytest.mark.parametrize("with_index", [True, False])
    def test_a_copy_with_its_log_stays_the_evidence_it_was(self, path: Path, with_index: bool) -> None:
        copy = path.parent / "copy"
        copy.mkdir()
        with Journal.open(url_of(path)) as journal:
            journal.append_now(unit("run-9"))
            for suffix in ("", "-wal", "-shm") if with_index else ("", "-wal"):
                shutil.copy(f"{path}{suffix}", copy)
        files = [copy / "licet.db", copy / "licet.db-wal"]
        before = [file.read_bytes() for file in files]
        assert len(before[1]) > 0
        for _ in range(2):
            verification = verify(url_of(files[0]))
            assert verification.ok and verification.records == 22
            assert [file.read_bytes() for file in files] == before

    def test_a_copy_on_read_only_media(self, path: Path) -> None:
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            assert verify(url_of(path)).ok
        finally:
            path.parent.chmod(0o755)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 20), st.integers(0, 2**16), st.integers(1, 255))
def test_no_byte_of_any_record_changes_unseen(
    written: Path, path: Path, row: int, at: int, mask: int
) -> None:
    shutil.copy(written, path)
    with tampering(path, *EVENTS) as connection:
        query = "SELECT stream, seq, CAST(record AS BLOB) FROM events ORDER BY stream, seq LIMIT 1 OFFSET ?"
        stream, seq, record = connection.execute(query, (row,)).fetchone()
        changed = bytearray(record)
        changed[at % len(changed)] ^= mask
        update = "UPDATE events SET record = CAST(? AS TEXT) WHERE stream = ? AND seq = ?"
        connection.execute(update, (bytes(changed), stream, seq))
    assert (stream, seq) in {(problem.stream, problem.seq) for problem in problems(path)}


def test_memory_does_not_grow_with_the_journal(tmp_path: Path) -> None:
    def peak(records: int) -> int:
        path = tmp_path / f"{records}.db"
        with Journal.open(url_of(path), create=True) as journal:
            for start in range(0, records, 500):
                journal.append_now(
                    unit("run-1", *(draft(fact(f"c-{start + n}"), args=b"x" * 500) for n in range(500)))
                )
        verify(url_of(path))
        tracemalloc.start()
        assert verify(url_of(path)).records == records
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(4000) < peak(500) * 1.5 + 200_000


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        yield
        return
    before = len(list(descriptors.iterdir()))
    yield
    assert len(list(descriptors.iterdir())) <= before
