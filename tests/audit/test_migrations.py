"""A journal that an older Licet made is brought up to date, and holds what it held."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from journal_story import FINISHED, STARTED, draft, fact, unit, url_of

from licet.audit.errors import JournalDamaged, JournalOutdated
from licet.audit.journal import Journal
from licet.audit.schema import REVISION
from licet.audit.verify import verify

FIRST = """
CREATE TABLE licet_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT licet_version_pkc PRIMARY KEY (version_num));
INSERT INTO licet_version VALUES ('0001');
CREATE TABLE events (stream TEXT NOT NULL, seq BIGINT NOT NULL, record TEXT NOT NULL, hash VARCHAR(64) NOT NULL,
  PRIMARY KEY (stream, seq), CONSTRAINT events_seq CHECK (seq >= 1),
  CONSTRAINT events_hash CHECK (length(hash) = 64));
CREATE TABLE payloads (stream TEXT NOT NULL, seq BIGINT NOT NULL, name TEXT NOT NULL, salt BLOB NOT NULL,
  content BLOB NOT NULL, PRIMARY KEY (stream, seq, name));
INSERT INTO events SELECT stream, seq, record, hash FROM new.events ORDER BY id;
INSERT INTO payloads SELECT stream, seq, name, salt, content FROM new.payloads AS held
  JOIN new.events AS records ON records.id = held.id / 16 ORDER BY held.id DESC;
CREATE TABLE heads (stream TEXT NOT NULL, tenant TEXT NOT NULL, seq BIGINT NOT NULL, hash VARCHAR(64) NOT NULL,
  claim BIGINT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (stream), CONSTRAINT heads_seq CHECK (seq >= 1),
  CONSTRAINT heads_claim CHECK (claim BETWEEN 0 AND seq)) WITHOUT ROWID;
CREATE INDEX heads_by_status ON heads (status, stream);
CREATE INDEX heads_by_tenant ON heads (tenant, stream);
INSERT INTO heads SELECT * FROM new.heads;
CREATE TABLE budgets (budget TEXT NOT NULL, used BIGINT NOT NULL, PRIMARY KEY (budget),
  CONSTRAINT budgets_used CHECK (used >= 0)) WITHOUT ROWID;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an event is never removed'); END;
CREATE TRIGGER payloads_no_delete BEFORE DELETE ON payloads
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a payload is never removed'); END;
CREATE TRIGGER payloads_no_replace BEFORE INSERT ON payloads
WHEN EXISTS (SELECT 1 FROM payloads WHERE stream = NEW.stream AND seq = NEW.seq AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a payload is never replaced'); END;
"""
"""A journal as version 0001 laid it out, with the rows of the one that is attached as `new`."""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A journal at version 0001 that holds two runs."""
    made, path = tmp_path / "made.db", tmp_path / "licet.db"
    with Journal.open(url_of(made), create=True) as journal:
        for run in ("run-1", "run-2"):
            journal.append_now(unit(run, STARTED, takes_claim=True))
            journal.append_now(unit(run, draft(fact(), args=b"{}", reason=run.encode()), fact()))
        journal.append_now(unit("run-2", FINISHED, takes_claim=True))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS new", (str(made),))
        connection.executescript(FIRST)
    return path


def test_it_is_left_alone_by_whoever_only_reads(first: Path) -> None:
    before = first.read_bytes()
    with pytest.raises(JournalOutdated, match=f"at version 0001 and not at {REVISION}; start a runtime"):
        Journal.open(url_of(first))
    assert verify(url_of(first)).problems[0].kind == "schema"
    assert first.read_bytes() == before


def test_every_record_and_payload_is_there_afterwards(first: Path) -> None:
    with Journal.open(url_of(first), create=True) as journal:
        for run in ("run-1", "run-2"):
            assert journal.payload(run, 2, "reason") == run.encode()
            assert journal.payloads(run) == {(2, "args"): b"{}", (2, "reason"): run.encode()}
        assert [record.seq for record in journal.read("run-2")] == [1, 2, 3, 4]
        journal.append_now(unit("run-1", draft(fact(), args=b"[]")))
        assert journal.payload("run-1", 4, "args") == b"[]"
    verification = verify(url_of(first))
    assert (verification.problems, verification.records, verification.payloads) == ([], 8, 5)


def test_one_with_a_payload_of_no_record_is_refused_and_left_as_it_is(first: Path) -> None:
    with closing(sqlite3.connect(first, isolation_level=None)) as connection:
        connection.execute("INSERT INTO payloads VALUES ('run-9', 1, 'forged', x'00', x'00')")
    with pytest.raises(JournalDamaged, match="1 payloads of the journal belong to no record"):
        Journal.open(url_of(first), create=True)
    with closing(sqlite3.connect(first)) as connection:
        assert connection.execute("SELECT version_num FROM licet_version").fetchall() == [("0001",)]
        assert connection.execute("SELECT count(*) FROM payloads WHERE stream = 'run-9'").fetchone() == (1,)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%_0001'").fetchall()
        assert tables == []
