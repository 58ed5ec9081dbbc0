"""Invariants 1 to 3 through SIGKILL between every two stages of a call, inside its effect, and after it."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crash_child import SCRIPTS
from governed import ALICE, Ledger, scripted, world

from licet import Answered, InDoubt, Reviewer, Suspended
from licet.audit.journal import Journal
from licet.audit.verify import verify
from licet.runtime.errors import CannotReconcile
from licet.runtime.recovery import load, reconcile

BEFORE_INTENT = ["admit", "arguments", "limits", "authorize", "decide", "reserve", "review", "intent"]
IN_FLIGHT = ["execute", "before-effect", "after-effect", "record"]
AFTER_RECORD = ["answer"]

OPERATOR = Reviewer(id="local:ops", local=True)


@pytest.fixture(autouse=True, params=["thread", "loop"])
def committer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who commits in the process that dies."""
    monkeypatch.setenv("COMMITTER", request.param)


class LaterClock:
    """An hour ahead: every permit that was given has run out."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=1)


def die_at(folder: Path, point: str, mode: str, resume: str | None = None) -> None:
    command = [sys.executable, str(Path(__file__).with_name("crash_child.py")), str(folder), point, mode]
    child = subprocess.run(
        command + ([resume] if resume else []), check=False, capture_output=True, text=True
    )
    assert child.returncode == -signal.SIGKILL, child.stderr


def only_run(folder: Path) -> str:
    with Journal.open(f"sqlite:///{folder}/licet.db") as journal:
        (head,) = journal.heads()
        return head.stream


def effects(folder: Path) -> int:
    return len(Ledger(folder / "ledger.txt").lines())


def intact(folder: Path) -> bool:
    return not verify(f"sqlite:///{folder}/licet.db").problems


@pytest.mark.parametrize("point", BEFORE_INTENT)
async def test_killed_before_the_intent_nothing_happened_and_the_run_goes_on(
    tmp_path: Path, point: str
) -> None:
    die_at(tmp_path, point, "irreversible")
    assert effects(tmp_path) == 0
    assert intact(tmp_path)
    async with world(tmp_path, model=scripted(SCRIPTS["irreversible"])) as runtime:
        result = await runtime.resume(only_run(tmp_path))
    assert isinstance(result, Answered) and result.message == "refunded"
    assert effects(tmp_path) == 1
    assert intact(tmp_path)


@pytest.mark.parametrize("point", IN_FLIGHT)
async def test_killed_between_intent_and_outcome_the_call_is_in_doubt_and_is_never_repeated(
    tmp_path: Path, point: str
) -> None:
    die_at(tmp_path, point, "irreversible")
    happened = effects(tmp_path)
    run_id = only_run(tmp_path)
    async with world(tmp_path, model=scripted(SCRIPTS["irreversible"])) as runtime:
        result = await runtime.resume(run_id)
        assert isinstance(result, InDoubt) and result.call_id == "s2c1"
        again = await runtime.resume(run_id)
        assert isinstance(again, InDoubt)
    assert effects(tmp_path) == happened
    with (
        Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal,
        pytest.raises(CannotReconcile, match="may still be under way"),
    ):
        reconcile(journal, run_id, "s2c1", happened=True, evidence="bank statement", reviewer=OPERATOR)
    with Journal.open(f"sqlite:///{tmp_path}/licet.db", clock=LaterClock()) as journal:
        reconcile(
            journal, run_id, "s2c1", happened=bool(happened), evidence="bank statement", reviewer=OPERATOR
        )
    async with world(tmp_path, model=scripted(SCRIPTS["irreversible"])) as runtime:
        result = await runtime.resume(run_id)
    assert isinstance(result, Answered)
    assert effects(tmp_path) == happened
    assert intact(tmp_path)


@pytest.mark.parametrize("point", AFTER_RECORD)
async def test_killed_after_the_record_the_run_goes_on_without_repeating(tmp_path: Path, point: str) -> None:
    die_at(tmp_path, point, "irreversible")
    async with world(tmp_path, model=scripted(SCRIPTS["irreversible"])) as runtime:
        result = await runtime.resume(only_run(tmp_path))
    assert isinstance(result, Answered)
    assert effects(tmp_path) == 1
    assert intact(tmp_path)


@pytest.mark.parametrize("point", [*BEFORE_INTENT, *IN_FLIGHT, *AFTER_RECORD])
async def test_an_approved_call_runs_at_most_once_wherever_its_process_dies(
    tmp_path: Path, point: str
) -> None:
    script = scripted(SCRIPTS["approved"])
    async with world(tmp_path, model=script) as runtime:
        waiting = await runtime.run("desk", "please", ALICE)
        assert isinstance(waiting, Suspended)
        runtime.approvals().approve(waiting.approvals[0], OPERATOR)
    die_at(tmp_path, point, "approved", resume=waiting.run_id)
    happened = effects(tmp_path)
    async with world(tmp_path, model=script) as runtime:
        result = await runtime.resume(waiting.run_id)
    if point in BEFORE_INTENT:
        assert isinstance(result, Answered) and effects(tmp_path) == 1
    elif point in AFTER_RECORD:
        assert isinstance(result, Answered) and effects(tmp_path) == happened == 1
    else:
        assert isinstance(result, InDoubt) and effects(tmp_path) == happened
    assert intact(tmp_path)


@pytest.mark.parametrize("point", IN_FLIGHT)
async def test_an_idempotent_write_is_repeated_under_its_key_once_its_permit_has_run_out(
    tmp_path: Path, point: str
) -> None:
    die_at(tmp_path, point, "write")
    async with world(tmp_path, model=scripted(SCRIPTS["write"]), clock=LaterClock()) as runtime:
        result = await runtime.resume(only_run(tmp_path))
    assert isinstance(result, Answered)
    assert effects(tmp_path) == 1
    with Journal.open(f"sqlite:///{tmp_path}/licet.db") as journal:
        call = load(journal, only_run(tmp_path)).calls["s1c1"]
    assert call.attempts == 2
