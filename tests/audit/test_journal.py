"""The journal: what is appended stands, in order, once and whole; and reads back as it was."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_story import (
    FINISHED,
    OPERATOR,
    RESUMED,
    RUNTIME,
    STARTED,
    SUSPENDED,
    SteppedClock,
    draft,
    fact,
    switch_off,
    switch_on,
    tampering,
    unit,
    url_of,
)

from licet.audit.canonical import canonical
from licet.audit.codec import encode_unit, event_body
from licet.audit.errors import (
    AppendRefused,
    BudgetExceeded,
    ConfigurationError,
    FenceLost,
    HeadMoved,
    JournalDamaged,
    JournalError,
    JournalMissing,
    JournalOutdated,
    KilledBySwitch,
    Unrecordable,
)
from licet.audit.events import Actor, SwitchedOff, WorkflowRegistered
from licet.audit.journal import Journal
from licet.audit.records import (
    GENESIS,
    INSTALLATION,
    Charge,
    Draft,
    Payload,
    Unit,
    record_hash,
    tenant_stream,
)
from licet.audit.schema import PAYLOADS_MOST
from licet.audit.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "licet.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(url_of(path), create=True, clock=SteppedClock()) as journal:
        yield journal
    found = verify(url_of(path))
    assert found.problems == []


class TestOpening:
    def test_a_journal_that_is_missing_is_not_made(self, path: Path) -> None:
        with pytest.raises(JournalMissing, match=r"licet\.db"):
            Journal.open(url_of(path))
        assert list(path.parent.iterdir()) == []

    def test_a_file_that_is_no_journal_is_left_as_it_is(self, path: Path) -> None:
        path.touch()
        with pytest.raises(JournalMissing):
            Journal.open(url_of(path))
        assert path.read_bytes() == b""
        assert list(path.parent.iterdir()) == [path]

    def test_another_applications_database_is_not_taken(self, path: Path) -> None:
        sqlite3.connect(path).execute("CREATE TABLE orders (id)").connection.close()
        with pytest.raises(ConfigurationError, match="file"):
            Journal.open(url_of(path), create=True)

    def test_reading_leaves_no_files_behind(self, path: Path) -> None:
        Journal.open(url_of(path), create=True).close()
        with Journal.open(url_of(path)) as journal:
            assert journal.read("run-1") == []
            assert journal.heads() == []
        assert list(path.parent.iterdir()) == [path]

    def test_what_only_reads_starts_no_thread(self, journal: Journal, path: Path) -> None:
        before = threading.active_count()
        with Journal.open(url_of(path)) as reader:
            reader.read("run-1")
            reader.killed("acme", ["tool:x"])
            assert threading.active_count() == before

    def test_a_relative_url_is_not_moved_by_a_change_of_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "elsewhere").mkdir()
        with Journal.open("sqlite:///licet.db", create=True) as journal:
            monkeypatch.chdir(tmp_path / "elsewhere")
            journal.append_now(unit("run-1"))
            assert len(journal.read("run-1")) == 1
        assert (tmp_path / "licet.db").exists()

    def test_a_folder_that_does_not_exist_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="nowhere"):
            Journal.open(url_of(tmp_path / "nowhere" / "licet.db"), create=True)

    @pytest.mark.parametrize(
        "url",
        [
            "sqlite://",
            "sqlite:///:memory:",
            "postgresql://ada:hunter2@db/licet",
            "licet.db",
            "sqlite:///x?mode=ro",
        ],
    )
    def test_another_kind_of_url_is_refused_without_its_password(self, url: str) -> None:
        with pytest.raises(ConfigurationError) as caught:
            Journal.open(url, create=True)
        assert "sqlite:///licet.db" in str(caught.value)
        assert "hunter2" not in str(caught.value)

    def test_odd_characters_in_a_path_are_taken_as_they_are(self, tmp_path: Path) -> None:
        path = tmp_path / "50% of #1? é.db"
        with Journal.open(f"sqlite:///{str(path).replace('?', '%3F')}", create=True) as journal:
            journal.append_now(unit("run-1"))
        assert len(list(tmp_path.iterdir())) == 1

    def test_a_file_that_is_not_sqlite_is_damaged(self, path: Path) -> None:
        path.write_bytes(b"not a database at all" * 100)
        with pytest.raises(JournalDamaged, match="not a database"):
            Journal.open(url_of(path))

    @pytest.mark.parametrize(("revision", "word"), [("0000", "bring"), ("9999", "newer")])
    def test_tables_of_another_version_are_not_touched(self, path: Path, revision: str, word: str) -> None:
        Journal.open(url_of(path), create=True).close()
        with tampering(path) as connection:
            connection.execute("UPDATE licet_version SET version_num = ?", (revision,))
        with pytest.raises(JournalOutdated, match=word):
            Journal.open(url_of(path))

    @pytest.mark.parametrize(
        "trigger",
        [
            "events_no_update",
            "events_no_delete",
            "events_no_replace",
            "payloads_no_delete",
            "heads_no_delete",
        ],
    )
    def test_a_trigger_that_is_missing_is_named(self, path: Path, trigger: str) -> None:
        Journal.open(url_of(path), create=True).close()
        with tampering(path) as connection:
            connection.execute(f"DROP TRIGGER {trigger}")
        for create in (False, True):
            with pytest.raises(JournalDamaged, match=f"{trigger} is missing"):
                Journal.open(url_of(path), create=create)

    def test_many_processes_worth_of_threads_make_it_once(self, path: Path) -> None:
        def open_and_append(number: int) -> None:
            with Journal.open(url_of(path), create=True) as journal:
                journal.append_now(unit(f"run-{number}"))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(open_and_append, range(8)))
        with Journal.open(url_of(path)) as journal:
            assert len(journal.heads()) == 8


class TestGuards:
    """The database itself refuses what nobody does."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE events SET record = '{}'",
            "DELETE FROM events",
            "INSERT OR REPLACE INTO events SELECT id, stream, seq, '{}', hash FROM events",
            "INSERT OR REPLACE INTO events SELECT id + 100, stream, seq, '{}', hash FROM events",
            "INSERT OR REPLACE INTO events SELECT id, stream, seq + 100, '{}', hash FROM events",
            "INSERT OR REPLACE INTO events (stream, seq, record, hash) SELECT stream, seq, '{}', hash FROM events",
            "INSERT OR IGNORE INTO events SELECT id, stream, seq, '{}', hash FROM events",
            "INSERT INTO events SELECT id + 100, 'run-9', seq, record, hash FROM events",
            "INSERT INTO events SELECT 9007199254740991, 'run-9', seq, record, hash FROM events",
            "INSERT INTO events SELECT 0, 'run-9', seq, record, hash FROM events",
            "INSERT INTO events (stream, seq, record, hash) SELECT 'run-9', seq, record, hash FROM events",
            "UPDATE payloads SET content = x'00'",
            "DELETE FROM payloads",
            "INSERT OR REPLACE INTO payloads SELECT id, name, salt, x'00' FROM payloads",
            "INSERT OR REPLACE INTO payloads SELECT id, 'other', salt, content FROM payloads",
            "INSERT INTO payloads SELECT id + 8, name, salt, content FROM payloads",
            "INSERT INTO payloads SELECT id + 32, name, salt, content FROM payloads",
            "INSERT INTO payloads VALUES (-1, 'other', x'00', x'00')",
            "INSERT INTO payloads (name, salt, content) VALUES ('other', x'00', x'00')",
            "DELETE FROM heads",
            "UPDATE heads SET seq = 1",
            "UPDATE heads SET tenant = 'other', seq = seq + 1",
            "INSERT OR REPLACE INTO heads SELECT stream, tenant, 1, hash, 0, status FROM heads",
            "DELETE FROM budgets",
        ],
    )
    def test_it_is_refused(self, journal: Journal, path: Path, statement: str) -> None:
        charge = Charge("day", 1, None)
        journal.append_now(unit("run-1", draft(fact(), args=b"{}"), fact(), charges=(charge,)))
        connection = sqlite3.connect(path)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(statement)
        connection.close()


class TestRecords:
    def test_a_record_reads_back_as_it_was_appended(self, journal: Journal) -> None:
        appended = journal.append_now(unit("run-1", draft(STARTED, input=b'"hello"'), fact()))
        first, second = journal.read("run-1")
        assert (appended.first, appended.last) == (first.seq, second.seq) == (1, 2)
        assert first.event == STARTED
        assert second.event == fact()
        assert first.actor == RUNTIME
        assert first.tenant == "acme"
        assert first.time == second.time == appended.time
        assert first.prev == GENESIS
        assert second.prev == first.hash == record_hash(first.text)
        assert list(first.payloads) == ["input"]
        assert journal.read("run-1", after=1) == [second]
        assert journal.read("run-1", after=2) == []
        assert journal.read("run-2") == []

    @given(
        st.text(min_size=1),
        st.text(),
        st.text(),
        st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=4),
        st.dictionaries(st.text(), st.binary(max_size=8), max_size=3),
        st.integers(1, 2**53 - 1),
    )
    def test_the_text_is_the_canonical_json_of_the_whole(
        self,
        stream: str,
        tenant: str,
        name: str,
        content: dict[str, object],
        payloads: dict[str, bytes],
        seq: int,
    ) -> None:
        event = WorkflowRegistered(name=name, version="1", digest="d", content=content)
        held = {key: Payload(value) for key, value in payloads.items()}
        moment = SteppedClock().now()
        unit = Unit(stream, tenant, (Draft(event, Actor(kind="operator", id=name), held),))
        [encoded] = encode_unit(unit, moment)
        assert encoded.text(GENESIS, seq) == canonical(
            {
                "actor": {"kind": "operator", "id": name},
                "body": event_body(event),
                "payloads": {key: value.digest() for key, value in held.items()},
                "prev": GENESIS,
                "seq": seq,
                "stream": stream,
                "tenant": tenant,
                "time": "2026-01-02T03:04:06.000006Z",
                "type": "workflow.registered",
                "v": 1,
            }
        )

    @pytest.mark.parametrize(
        "content", [{"a": {"b": 2**60}}, {"a": {"b": float("nan")}}, {"a": {"b": "\ud800"}}]
    )
    def test_what_json_cannot_say_is_refused_by_place(
        self, journal: Journal, content: dict[str, object]
    ) -> None:
        event = WorkflowRegistered(name="refund-desk", version="1", digest="d", content=content)
        with pytest.raises(Unrecordable, match=r"workflow\.registered.*/body/content/a/b"):
            journal.append_now(unit(INSTALLATION, event))

    def test_a_unit_of_nothing_is_refused(self, journal: Journal) -> None:
        with pytest.raises(Unrecordable, match="at least one event"):
            journal.append_now(Unit("run-1", "acme", ()))

    def test_a_status_that_contradicts_the_events_is_refused(self, journal: Journal) -> None:
        with pytest.raises(Unrecordable, match="finished"):
            journal.append_now(unit("run-1", FINISHED, status="running"))

    def test_another_tenants_stream_is_refused(self, journal: Journal) -> None:
        journal.append_now(unit("run-1"))
        with pytest.raises(AppendRefused, match="another tenant"):
            journal.append_now(unit("run-1", tenant="rival"))
        with pytest.raises(Unrecordable, match="tenant"):
            journal.append_now(switch_off("all", stream=tenant_stream("acme"), tenant="rival"))

    def test_every_tenant_may_add_to_the_installations_story(self, journal: Journal) -> None:
        journal.append_now(unit(INSTALLATION, tenant="acme"))
        journal.append_now(unit(INSTALLATION, tenant="rival"))
        assert [record.tenant for record in journal.read(INSTALLATION)] == ["acme", "rival"]


class TestPayloads:
    def test_they_read_back(self, journal: Journal) -> None:
        journal.append_now(
            unit("run-1", draft(fact(), args=b"{}", reason=b""), fact(), draft(fact(), args=b"[]"))
        )
        assert journal.payload("run-1", 1, "args") == b"{}"
        assert journal.payloads("run-1") == {(1, "args"): b"{}", (1, "reason"): b"", (3, "args"): b"[]"}
        assert journal.payloads("run-1", after=1) == {(3, "args"): b"[]"}
        assert journal.payloads("run-2") == {}

    def test_what_never_was_is_an_error_and_not_an_erasure(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", draft(fact(), args=b"{}")))
        with pytest.raises(JournalError, match="no payload reason"):
            journal.payload("run-1", 1, "reason")
        with pytest.raises(JournalError, match="no record 2"):
            journal.payload("run-1", 2, "args")

    def test_the_digest_tells_nobody_whether_a_guess_is_right(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", draft(fact(), args=b"yes"), draft(fact(), args=b"yes")))
        one, other = journal.read("run-1")
        assert one.payloads != other.payloads

    @pytest.mark.parametrize("payload", [Payload("text"), Payload(b"", b"short")])  # type: ignore[arg-type]
    def test_bytes_under_a_whole_salt_are_taken_and_nothing_else(
        self, journal: Journal, payload: Payload
    ) -> None:
        with pytest.raises(Unrecordable, match="args"):
            journal.append_now(unit("run-1", Draft(fact(), RUNTIME, {"args": payload})))

    def test_a_record_has_as_many_as_its_id_has_room_for(self, journal: Journal) -> None:
        most = {f"p{number:02}": b"%d" % number for number in range(PAYLOADS_MOST)}
        for _ in range(2):
            journal.append_now(unit("run-1", draft(fact(), **most)))
        for seq in (1, 2):
            assert {name: journal.payload("run-1", seq, name) for name in most} == most
        with pytest.raises(Unrecordable, match="has 17 payloads, and 16 is the limit"):
            journal.append_now(unit("run-1", draft(fact(), **most, more=b"")))


class TestDamage:
    """What is read is checked, so that nothing resumes from a story that was altered."""

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE events SET record = replace(record, 'c-1', 'c-9') WHERE seq = 2",
            "UPDATE events SET record = CAST(record AS BLOB) WHERE seq = 2",
            "UPDATE events SET record = CAST(x'ff' || record AS TEXT) WHERE seq = 2",
            "DELETE FROM events WHERE seq = 2",
            "DELETE FROM events WHERE seq = 3",
            "DELETE FROM events",
        ],
    )
    def test_records(self, path: Path, statement: str) -> None:
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(unit("run-1", fact(), fact(), fact()))
        with tampering(path, "events_no_update", "events_no_delete") as connection:
            connection.execute(statement)
        with Journal.open(url_of(path)) as journal, pytest.raises(JournalDamaged, match=r"run-1|UTF-8"):
            journal.read("run-1")

    def test_payloads(self, path: Path) -> None:
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(unit("run-1", draft(fact(), args=b"{}", reason=b"so")))
        with tampering(path, "payloads_no_update") as connection:
            connection.execute("UPDATE payloads SET content = x'00' WHERE name = 'args'")
        with Journal.open(url_of(path)) as journal:
            assert journal.payload("run-1", 1, "reason") == b"so"
            with pytest.raises(JournalDamaged, match="payload args of record 1"):
                journal.payload("run-1", 1, "args")
            with pytest.raises(JournalDamaged, match="payload args of record 1"):
                journal.payloads("run-1")

    def test_a_switch_that_was_cut_off_stops_everything(self, path: Path) -> None:
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(switch_off("tool:issue_refund"))
        with tampering(path, "events_no_delete") as connection:
            connection.execute("DELETE FROM events")
        with Journal.open(url_of(path)) as journal:
            with pytest.raises(JournalDamaged, match="kill switches"):
                journal.killed("acme", ["tool:issue_refund"])
            with pytest.raises(JournalDamaged, match="kill switches"):
                journal.append_now(unit("run-1", scopes=("tool:read_order",)))
            journal.append_now(unit("run-1"))

    def test_a_head_that_was_set_back_stops_its_stream_alone(self, path: Path) -> None:
        with Journal.open(url_of(path), create=True) as journal:
            journal.append_now(unit("run-1", fact(), fact()))
        with tampering(path, "heads_no_rewind") as connection:
            connection.execute("UPDATE heads SET seq = 1")

        async def story(journal: Journal) -> None:
            futures = [journal.submit(unit(stream)) for stream in ("run-2", "run-1", "run-3")]
            before, damaged, after = await asyncio.gather(*futures, return_exceptions=True)
            assert isinstance(damaged, JournalDamaged)
            assert "run-1" in str(damaged)
            assert not isinstance(before, BaseException)
            assert not isinstance(after, BaseException)

        with Journal.open(url_of(path)) as journal:
            asyncio.run(story(journal))
            assert len(journal.read("run-2")) == len(journal.read("run-3")) == 1


class TestFences:
    def test_a_worker_that_was_overtaken_is_refused(self, journal: Journal) -> None:
        first = journal.append_now(unit("run-1", STARTED, expect=0, takes_claim=True)).first
        journal.append_now(unit("run-1", claim=first))
        second = journal.append_now(unit("run-1", RESUMED, fact(), expect=2, takes_claim=True)).first
        assert second == 3
        with pytest.raises(FenceLost, match="run-1"):
            journal.append_now(unit("run-1", claim=first))
        journal.append_now(unit("run-1", claim=second))
        head = journal.head("run-1")
        assert head is not None
        assert (head.seq, head.claim, head.status) == (5, 3, "running")

    def test_a_fact_needs_no_claim(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", STARTED, takes_claim=True))
        assert journal.append_now(unit("run-1")).first == 2

    def test_who_expects_another_record_is_refused(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", expect=0))
        with pytest.raises(HeadMoved, match="record 1"):
            journal.append_now(unit("run-1", expect=0))
        journal.append_now(unit("run-1", expect=1))

    async def test_of_many_who_take_a_run_over_one_wins(self, journal: Journal) -> None:
        await journal.append(unit("run-1", STARTED, takes_claim=True))
        takers = (journal.append(unit("run-1", RESUMED, expect=1, takes_claim=True)) for _ in range(20))
        outcomes = await asyncio.gather(*takers, return_exceptions=True)
        assert sum(isinstance(outcome, HeadMoved) for outcome in outcomes) == 19

    async def test_a_refused_unit_never_undoes_its_neighbours(self, journal: Journal) -> None:
        await journal.append(unit("run-0"))
        units = [unit("run-0", expect=99) if n % 3 == 0 else unit(f"run-{n}") for n in range(60)]
        outcomes = await asyncio.gather(*map(journal.submit, units), return_exceptions=True)
        for number, outcome in enumerate(outcomes):
            assert isinstance(outcome, HeadMoved) == (number % 3 == 0)
        assert len(journal.heads()) == 41

    async def test_what_is_submitted_together_is_written_in_order(self, journal: Journal) -> None:
        futures = [journal.submit(unit("run-1", expect=number)) for number in range(50)]
        appended = await asyncio.gather(*futures)
        assert [one.first for one in appended] == list(range(1, 51))


class TestSwitches:
    def test_a_scope_that_is_off_refuses_what_names_it(self, journal: Journal) -> None:
        assert journal.killed("acme", ["tool:issue_refund"]) is None
        journal.append_now(switch_off("tool:issue_refund"))
        with pytest.raises(KilledBySwitch) as caught:
            journal.append_now(unit("run-1", scopes=("workflow:desk", "tool:issue_refund")))
        assert (caught.value.scope, caught.value.reason) == ("tool:issue_refund", "it misbehaves")
        killed = journal.killed("acme", ["tool:issue_refund"])
        assert killed is not None
        assert killed.scope == "tool:issue_refund"
        journal.append_now(unit("run-1", scopes=("tool:read_order",)))
        journal.append_now(unit("run-1"))
        journal.append_now(switch_on("tool:issue_refund"))
        journal.append_now(unit("run-1", scopes=("tool:issue_refund",)))
        assert journal.killed("acme", ["tool:issue_refund"]) is None

    def test_all_covers_every_scope(self, journal: Journal) -> None:
        journal.append_now(switch_off("all"))
        with pytest.raises(KilledBySwitch, match="all"):
            journal.append_now(unit("run-1", scopes=("tool:read_order",)))
        assert journal.killed("any", []) is not None

    def test_a_tenants_switch_is_its_own(self, journal: Journal) -> None:
        journal.append_now(switch_off("all", stream=tenant_stream("acme")))
        assert journal.killed("acme", ["run:1"]) is not None
        assert journal.killed("rival", ["run:1"]) is None
        journal.append_now(unit("run-2", tenant="rival", scopes=("run:2",)))
        with pytest.raises(KilledBySwitch):
            journal.append_now(unit("run-1", scopes=("run:1",)))

    def test_a_tenant_cannot_take_back_what_the_installation_switched_off(self, journal: Journal) -> None:
        journal.append_now(switch_off("tool:x"))
        journal.append_now(switch_on("tool:x", stream=tenant_stream("acme")))
        with pytest.raises(KilledBySwitch):
            journal.append_now(unit("run-1", scopes=("tool:x",)))

    def test_a_switch_thrown_by_another_process_counts_at_once(self, journal: Journal, path: Path) -> None:
        journal.append_now(unit("run-1", scopes=("tool:x",)))
        with Journal.open(url_of(path)) as other:
            other.append_now(switch_off("tool:x"))
        with pytest.raises(KilledBySwitch):
            journal.append_now(unit("run-1", scopes=("tool:x",)))

    def test_a_switch_counts_from_its_place_in_the_queue(self, journal: Journal) -> None:
        async def story() -> list[object]:
            watched = unit("run-1", scopes=("tool:x",))
            order = [watched, switch_off("tool:x"), watched, switch_on("tool:x"), watched]
            return await asyncio.gather(*map(journal.submit, order), return_exceptions=True)

        outcomes = asyncio.run(story())
        assert [isinstance(outcome, KilledBySwitch) for outcome in outcomes] == [
            False,
            False,
            True,
            False,
            False,
        ]

    def test_a_journal_that_was_just_opened_knows_what_is_off(self, journal: Journal, path: Path) -> None:
        journal.append_now(switch_off("tool:x"))
        journal.append_now(switch_off("tool:y", stream=tenant_stream("acme")))
        with Journal.open(url_of(path)) as other:
            assert other.killed("acme", ["tool:x"]) is not None
            assert other.killed("acme", ["tool:y"]) is not None
            assert other.killed("rival", ["tool:y"]) is None

    def test_a_switch_in_a_runs_own_stream_would_switch_nothing_and_is_refused(
        self, journal: Journal
    ) -> None:
        with pytest.raises(Unrecordable, match="kill switch"):
            journal.append_now(Unit("run-1", "acme", (Draft(SwitchedOff(scope="all", reason=""), OPERATOR),)))


class TestBudgets:
    def test_what_has_no_room_is_refused_whole(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", charges=(Charge("day", 700_000_000, 1_000_000_000),)))
        over = (Charge("other", 5, None), Charge("day", 300_000_001, 1_000_000_000))
        with pytest.raises(BudgetExceeded, match=r"0\.7 of 1 USD") as caught:
            journal.append_now(unit("run-1", charges=over))
        assert caught.value.budget == "day"
        assert len(journal.read("run-1")) == 1
        journal.append_now(
            unit("run-1", charges=(Charge("other", 4, 4), Charge("day", 300_000_000, 1_000_000_000)))
        )

    def test_what_is_given_back_makes_room(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", charges=(Charge("day", 10, 10),)))
        journal.append_now(unit("run-1", charges=(Charge("day", -4, 5),)))
        with pytest.raises(BudgetExceeded):
            journal.append_now(unit("run-1", charges=(Charge("day", 5, 10),)))
        journal.append_now(unit("run-1", charges=(Charge("day", 4, 10),)))

    def test_more_than_was_taken_is_never_given_back(self, journal: Journal) -> None:
        journal.append_now(unit("run-1", charges=(Charge("day", -100, None),)))
        with pytest.raises(BudgetExceeded):
            journal.append_now(unit("run-1", charges=(Charge("day", 11, 10),)))

    def test_a_refused_unit_charges_nothing(self, journal: Journal) -> None:
        with pytest.raises(HeadMoved):
            journal.append_now(unit("run-1", expect=7, charges=(Charge("day", 10, 10),)))
        journal.append_now(unit("run-1", charges=(Charge("day", 10, 10),)))

    def test_an_amount_no_column_holds_is_refused(self, journal: Journal) -> None:
        with pytest.raises(BudgetExceeded):
            journal.append_now(unit("run-1", charges=(Charge("day", 2**63, None),)))

    async def test_many_at_once_never_go_over(self, journal: Journal) -> None:
        charge = (Charge("day", 7, 100),)
        units = (journal.append(unit(f"run-{n}", charges=charge)) for n in range(50))
        outcomes = await asyncio.gather(*units, return_exceptions=True)
        assert sum(not isinstance(outcome, BudgetExceeded) for outcome in outcomes) == 100 // 7


class TestHeads:
    def test_they_are_listed_newest_first(self, journal: Journal) -> None:
        journal.append_now(unit("0190-a", STARTED))
        journal.append_now(unit("0190-b", STARTED, SUSPENDED))
        journal.append_now(unit("0190-c", STARTED, FINISHED, tenant="rival"))
        journal.append_now(unit(INSTALLATION))
        journal.append_now(unit(tenant_stream("acme")))

        def names(**where: object) -> list[str]:
            return [head.stream for head in journal.heads(**where)]  # type: ignore[arg-type]

        assert names() == ["0190-c", "0190-b", "0190-a"]
        assert names(tenant="acme") == ["0190-b", "0190-a"]
        assert names(status="suspended") == ["0190-b"]
        assert names(status="finished", tenant="acme") == []
        assert names(limit=2) == ["0190-c", "0190-b"]
        assert set(names(runs=False)) == {"0190-a", "0190-b", "0190-c", INSTALLATION, "tenant/acme"}
        assert names(runs=False, tenant="acme") == ["tenant/acme", "0190-b", "0190-a"]
        assert journal.head("0190-x") is None

    def test_the_status_follows_the_run(self, journal: Journal) -> None:
        for event, status in (
            (STARTED, "running"),
            (SUSPENDED, "suspended"),
            (fact(), "suspended"),
            (RESUMED, "running"),
        ):
            journal.append_now(unit("run-1", event, takes_claim=event is RESUMED))
            head = journal.head("run-1")
            assert head is not None
            assert head.status == status
