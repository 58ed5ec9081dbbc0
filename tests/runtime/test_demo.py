"""`licet demo`: what a newcomer watches is what happens, and it happens as often as they like."""

from __future__ import annotations

import mailbox
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet.audit.events import CallDenied, CallPermitted, RunFinished
from licet.audit.journal import Journal
from licet.policies import load
from licet.runtime.demo.seed import COLLECTOR, STRANGERS_ORDER
from licet.runtime.demo.shop import AlreadyRefunded, RefundRefused, Shop
from licet.runtime.replay import replay

LICET = "import sys; from licet.runtime.cli import main; sys.exit(main())"


def process(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A process of this Python in `folder`, without a terminal, in which no setting of ours counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LICET_", "XDG_"))}
    keys = ("OPENAI_API_KEY", "COLUMNS", "FORCE_COLOR")
    environment = {name: value for name, value in kept.items() if name not in keys}
    environment.update({"HOME": str(folder / "home"), "PYTHONIOENCODING": "utf-8"} | more)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


@dataclass(frozen=True)
class Shown:
    """A folder in which the demo ran twice, and what it said."""

    folder: Path
    first: subprocess.CompletedProcess[str]
    second: subprocess.CompletedProcess[str]

    @property
    def made(self) -> Path:
        return self.folder / ".licet-demo"

    def shop(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.made / "shop.db")) as database:
            return database.execute(query).fetchall()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "home").mkdir()
    once, again = (process(folder, "-m", "licet.runtime.demo") for _ in range(2))
    return Shown(folder, once, again)


@pytest.fixture
def journal(demo: Shown) -> Iterator[Journal]:
    with closing(Journal.open(f"sqlite:///{demo.made / 'licet.db'}")) as opened:
        yield opened


@pytest.mark.slow
def test_it_works_twice_in_a_row_without_a_terminal(demo: Shown) -> None:
    for shown in (demo.first, demo.second):
        assert shown.returncode == 0, shown.stdout + shown.stderr
        assert shown.stderr == ""
        assert "All 8 scenes ended as they should" in shown.stdout


@pytest.mark.slow
def test_the_shop_is_large_and_the_same_at_every_start(demo: Shown) -> None:
    counted = demo.shop("SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders)")
    (row,) = counted
    assert row[0] == 1_200
    assert isinstance(row[1], int)
    assert row[1] > 3_000
    assert demo.first.stdout.splitlines()[:4] == demo.second.stdout.splitlines()[:4]


@pytest.mark.slow
def test_each_refund_was_made_once_and_none_to_a_stranger(demo: Shown) -> None:
    assert demo.shop("SELECT order_id, cents FROM refunds ORDER BY id") == [
        ("O-20101", 2490),
        ("O-20233", 14900),
    ]
    (row,) = demo.shop("SELECT count(DISTINCT idempotency_key) FROM refunds")
    assert row == (2,)


@pytest.mark.slow
def test_mail_went_to_the_two_customers_alone(demo: Shown) -> None:
    sent = sorted(str(mail["To"]) for mail in mailbox.Maildir(demo.made / "maildir"))
    assert sent == ["jonas.lindqvist@example.org", "marta.kowalska@example.com"]


@pytest.mark.slow
def test_what_the_note_asked_for_never_got_a_permit(demo: Shown, journal: Journal) -> None:
    events = [record.event for head in journal.heads() for record in journal.read(head.stream)]
    refused = [event.tool for event in events if isinstance(event, CallDenied)]
    assert refused == ["read_order", "issue_refund", "send_mail"]
    contents = b"".join(
        journal.payload(head.stream, record.seq, "policy_input") or b""
        for head in journal.heads()
        for record in journal.read(head.stream)
        if isinstance(record.event, CallPermitted)
    )
    assert STRANGERS_ORDER.encode() not in contents
    assert COLLECTOR.encode() not in contents


@pytest.mark.slow
def test_the_refund_above_the_limit_has_a_review_behind_it(demo: Shown, journal: Journal) -> None:
    permits = {
        record.event.request_ids
        for head in journal.heads()
        for record in journal.read(head.stream)
        if isinstance(record.event, CallPermitted) and record.event.tool == "issue_refund"
    }
    assert sorted(len(requests) for requests in permits) == [0, 1]


@pytest.mark.slow
def test_the_loop_ended_by_its_spend_limit(demo: Shown, journal: Journal) -> None:
    rules = [
        record.event.rule
        for head in journal.heads()
        for record in journal.read(head.stream)
        if isinstance(record.event, RunFinished)
    ]
    assert rules.count("limits.spend") == 1


@pytest.mark.slow
def test_the_journal_verifies_and_the_changed_copy_does_not(demo: Shown) -> None:
    whole = process(
        demo.folder, "-c", LICET, "audit", "verify", "--database", "sqlite:///.licet-demo/licet.db"
    )
    assert whole.returncode == 0, whole.stdout + whole.stderr
    changed = process(
        demo.folder, "-c", LICET, "audit", "verify", "--database", "sqlite:///.licet-demo/tampered.db"
    )
    assert changed.returncode == 1, changed.stdout + changed.stderr
    named = re.search(r"Found: record (\d+) of run ([0-9a-f-]{36})", demo.second.stdout)
    assert named is not None
    assert f"record {named[1]} of" in changed.stdout
    assert named[2] in changed.stdout
    assert "policy_input" in changed.stdout


@pytest.mark.slow
def test_the_changed_copy_differs_in_one_byte_of_one_payload(demo: Shown) -> None:
    rows = (
        "SELECT stream, seq, name, salt, content FROM payloads JOIN events ON events.id = payloads.id / 16"
        " ORDER BY stream, seq, name"
    )
    with (
        closing(sqlite3.connect(demo.made / "licet.db")) as left,
        closing(sqlite3.connect(demo.made / "tampered.db")) as right,
    ):
        before, after = left.execute(rows).fetchall(), right.execute(rows).fetchall()
    ((old, new),) = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert old[:4] == new[:4]
    assert sum(a != b for a, b in zip(old[4], new[4], strict=True)) == 1


@pytest.mark.slow
def test_foreign_text_is_shown_and_does_nothing(demo: Shown) -> None:
    assert "\x1b" not in demo.second.stdout
    assert "\\x1b[2K\\r" in demo.second.stdout
    assert "[bold red]" in demo.second.stdout


@pytest.mark.slow
def test_nothing_is_written_outside_its_own_folder(demo: Shown) -> None:
    assert sorted(path.name for path in demo.folder.iterdir()) == [".licet-demo", "home"]
    assert list((demo.folder / "home").iterdir()) == []


def test_a_folder_that_it_did_not_make_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / ".licet-demo" / "shop.db"
    mine.parent.mkdir()
    mine.write_text("mine")
    shown = process(tmp_path, "-m", "licet.runtime.demo")
    assert shown.returncode == 2
    assert "did not make" in shown.stderr
    assert mine.read_text() == "mine"


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("openai:gpt-5", "OPENAI_API_KEY"),
        ("nobody:nothing", "Unknown model"),
        ("test", "no price"),
    ],
)
def test_a_model_that_cannot_be_had_is_said_before_anything_is_touched(
    tmp_path: Path, model: str, told: str
) -> None:
    shown = process(tmp_path, "-m", "licet.runtime.demo", "--model", model)
    assert shown.returncode == 2
    assert told in shown.stderr
    assert "Traceback" not in shown.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_the_models_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    without = (
        "import sys; sys.modules['pydantic_ai'] = None; from licet.runtime.demo import main; sys.exit(main())"
    )
    shown = process(tmp_path, "-c", without)
    assert shown.returncode == 2
    assert "pip install 'licet[models]'" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    Shop.build(path)
    return path


def test_the_shop_refuses_a_second_refund_under_one_key(shop_file: Path) -> None:
    shop = Shop(shop_file)
    made = shop.refund("O-20101", Decimal("4.90"), idempotency_key="key")
    with pytest.raises(AlreadyRefunded):
        shop.refund("O-20101", Decimal("4.90"), idempotency_key="key")
    assert shop.refund_under("key") == made
    order = shop.order("O-20101")
    assert order is not None
    assert order.refundable == Decimal("20.00")


@settings(max_examples=25, deadline=None)
@given(amounts=st.lists(st.decimals("-10", "120", places=3), min_size=1, max_size=6))
def test_no_series_of_refunds_pays_back_more_than_was_paid(shop_file: Path, amounts: list[Decimal]) -> None:
    shop = Shop(shop_file)
    for amount in amounts:
        before = shop.order("O-20389")
        assert before is not None
        fits = 0 < amount <= before.refundable and amount == round(amount, 2)
        try:
            shop.refund("O-20389", amount, idempotency_key=os.urandom(8).hex())
        except RefundRefused:
            assert not fits
        else:
            assert fits
        after = shop.order("O-20389")
        assert after is not None
        assert 0 <= after.refundable <= after.paid == Decimal("129.00")


def test_refunds_at_the_same_moment_share_what_is_left(shop_file: Path) -> None:
    def refund(number: int) -> bool:
        try:
            Shop(shop_file).refund(STRANGERS_ORDER, Decimal("50.00"), idempotency_key=f"race {number}")
        except RefundRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(refund, range(8)))
    assert sum(done) == 3


@pytest.mark.slow
async def test_the_policy_that_decided_says_the_same_when_it_is_asked_again(journal: Journal) -> None:
    found = await replay(journal, load())
    assert found.decisions > 10
    assert (found.unchanged, found.changes.rows(), found.newly_allowed) == (found.decisions, [], 0)
