"""The command line, run as a user runs it: a process in a folder, over an application of the user's own."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from licet.policies import toolchain
from licet.policies.opa_program import OpaMissing

LICET = Path(sys.executable).with_name("licet")
APP = ("--app", "desk:runtime")

Licet = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(Path(__file__).with_name("cli_desk.py"), tmp_path / "desk.py")
    return tmp_path


@pytest.fixture
def licet(folder: Path) -> Licet:
    """Runs `licet` in the folder, without a terminal, and checks the exit code."""

    def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LICET_DATA")}
        done = subprocess.run(
            [LICET, *arguments],
            cwd=folder,
            env={**inherited, "NO_COLOR": "1", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        return done

    return run


def start(licet: Licet, given: str, code: int = 0, *options: str) -> dict[str, Any]:
    """Run the desk on an input; the result."""
    done = licet(
        "run", "desk", given, *APP, "--subject", "alice", "--role", "support", "--json", *options, code=code
    )
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A journal in which one run waits for a person: where it is, the run's id and the request's."""
    place = tmp_path_factory.mktemp("asked")
    shutil.copy(Path(__file__).with_name("cli_desk.py"), place / "desk.py")
    command = [LICET, "run", "desk", "refund O-1 120.50", *APP, "--subject", "alice", "--role", "support"]
    done = subprocess.run([*command, "--json"], cwd=place, capture_output=True, check=True)
    result = json.loads(done.stdout)
    assert result["type"] == "Suspended"
    (request_id,) = result["approvals"]
    return place / "licet.db", result["run_id"], request_id


@pytest.fixture
def waiting(asked: tuple[Path, str, str], folder: Path) -> tuple[str, str]:
    """The test's own copy of that journal: the run's id, and the request's."""
    path, run_id, request_id = asked
    shutil.copy(path, folder / "licet.db")
    return run_id, request_id


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger.txt"
    return path.read_text().splitlines() if path.exists() else []


def explained(licet: Licet, run_id: str, *options: str) -> dict[str, Any]:
    return dict(json.loads(licet("audit", "explain", run_id, "--json", *options).stdout))


class TestRun:
    def test_an_answer_exits_0(self, licet: Licet, folder: Path) -> None:
        result = start(licet, "refund O-1 20.00")
        assert (result["type"], result["status"], result["message"]) == ("Answered", "done", "All is done.")
        assert len(ledger(folder)) == 1

    def test_a_run_that_waits_exits_0_and_names_the_request(self, licet: Licet, folder: Path) -> None:
        done = licet("run", "desk", "refund O-1 120.50", *APP, "--subject", "alice")
        assert "Suspended" in done.stdout
        assert "licet approvals show" in done.stdout
        assert ledger(folder) == []

    def test_a_run_that_is_stopped_exits_1(self, licet: Licet) -> None:
        start(licet, "read O-1")
        licet("kill", "workflow:desk", "--reason", "the till is being counted")
        result = start(licet, "read O-1", 1)
        assert (result["type"], result["rule"]) == ("Stopped", "switch.workflow:desk")

    def test_the_input_can_come_from_stdin(self, folder: Path) -> None:
        done = subprocess.run(
            [LICET, "run", "desk", "-", *APP, "--subject", "alice", "--json"],
            cwd=folder,
            input="refund O-2 10.00",
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["type"] == "Answered"
        assert len(ledger(folder)) == 1

    @pytest.mark.parametrize(
        ("app", "says"),
        [
            ("desk", "MODULE:ATTRIBUTE"),
            ("nowhere:runtime", "there is no module nowhere"),
            ("desk:nothing", "desk has no nothing"),
            ("desk:desk", "of type Workflow"),
            ("broken:runtime", "failed with RuntimeError"),
        ],
    )
    def test_what_is_no_runtime_is_said_to_be_none(
        self, licet: Licet, folder: Path, app: str, says: str
    ) -> None:
        (folder / "broken.py").write_text("raise RuntimeError('secret-token-4711')")
        done = licet("run", "desk", "x", "--app", app, "--subject", "alice", code=2)
        assert says in done.stderr
        assert "secret-token-4711" not in done.stderr
        assert not (folder / "licet.db").exists()

    def test_the_app_and_the_command_address_one_journal(self, licet: Licet, folder: Path) -> None:
        other = ("run", "desk", "x", *APP, "--subject", "alice")
        done = licet(*other, "--database", "sqlite:///other.db", code=2)
        assert "sqlite:///licet.db" in done.stderr and "sqlite:///other.db" in done.stderr
        licet(*other, code=2, LICET_DATABASE_URL="sqlite:///other.db")
        licet(*other, "--database", f"sqlite:///{folder}/licet.db")

    def test_an_unknown_workflow_is_a_wrong_usage(self, licet: Licet) -> None:
        done = licet("run", "counter", "x", *APP, "--subject", "alice", code=2)
        assert "there is no workflow counter" in done.stderr


class TestApprovals:
    def test_what_is_approved_runs_once_and_only_when_resumed(
        self, licet: Licet, waiting: tuple[str, str], folder: Path
    ) -> None:
        run_id, request_id = waiting
        shown = json.loads(licet("approvals", "show", request_id, "--json").stdout)
        assert shown["shown"]["preview"] == "pay back 120.5 EUR of order O-1"
        licet("approvals", "approve", request_id, "--reason", "it arrived broken")
        assert ledger(folder) == []
        done = licet("runs", "resume", run_id, *APP, "--json")
        assert json.loads(done.stdout)["type"] == "Answered"
        assert len(ledger(folder)) == 1
        licet("runs", "resume", run_id, *APP)
        assert len(ledger(folder)) == 1

    def test_approve_with_resume_executes(self, licet: Licet, waiting: tuple[str, str], folder: Path) -> None:
        _, request_id = waiting
        done = licet("approvals", "approve", request_id[:23], "--resume", *APP)
        assert "said approve to refund" in done.stdout and "Answered (done)" in done.stdout
        assert len(ledger(folder)) == 1

    def test_a_rejected_call_does_not_run_and_its_reason_is_needed(
        self, licet: Licet, waiting: tuple[str, str], folder: Path
    ) -> None:
        run_id, request_id = waiting
        licet("approvals", "reject", request_id, code=2)
        licet("approvals", "reject", request_id, "--reason", "", code=1)
        licet("approvals", "reject", request_id, "--reason", "no receipt", "--resume", *APP)
        assert ledger(folder) == []
        (call,) = explained(licet, run_id)["calls"]
        assert call["status"] == "denied" and "no receipt" in call["why"]
        assert "already" in licet("approvals", "approve", request_id, code=1).stderr

    def test_an_edited_call_runs_with_the_edited_arguments(
        self, licet: Licet, waiting: tuple[str, str], folder: Path
    ) -> None:
        run_id, request_id = waiting
        args = '{"order_id": "O-1", "amount": "60.25"}'
        licet("approvals", "edit", request_id, "--args", args, "--reason", "half of it", "--resume", *APP)
        assert ledger(folder) == ["O-1 60.25"]
        (call,) = explained(licet, run_id)["calls"]
        assert call["arguments"]["value"]["amount"] == "60.25"
        assert "who edited it" in call["why"]

    @pytest.mark.parametrize("args", ["{", "[1]", '{"amount": "1", "amount": "2"}'])
    def test_edited_arguments_are_one_json_object(
        self, licet: Licet, waiting: tuple[str, str], args: str
    ) -> None:
        _, request_id = waiting
        assert "--args" in licet("approvals", "edit", request_id, "--args", args, code=2).stderr

    def test_resume_and_app_go_together(self, licet: Licet, waiting: tuple[str, str]) -> None:
        _, request_id = waiting
        licet("approvals", "approve", request_id, "--resume", code=2)
        licet("approvals", "approve", request_id, *APP, code=2)
        licet("approvals", "approve", request_id, "--resume", "--app", "desk:nothing", code=2)
        assert json.loads(licet("approvals", "list", "--json").stdout)[0]["answers"] == []

    def test_listings_are_of_one_tenant_when_asked(self, licet: Licet, waiting: tuple[str, str]) -> None:
        _, request_id = waiting
        assert json.loads(licet("approvals", "list", "--tenant", "acme", "--json").stdout) == []
        (found,) = json.loads(licet("approvals", "list", "--json").stdout)
        assert (found["request_id"], found["status"]) == (request_id, "pending")
        licet("approvals", "show", request_id, "--tenant", "acme", code=1)

    def test_nobody_approves_what_is_cut_off(self, licet: Licet) -> None:
        order = "O-1" + "x" * 5000
        (request_id,) = start(licet, f"refund {order} 120.50")["approvals"]
        shown = licet("approvals", "show", request_id).stdout
        assert f'order_id = "{order}"\n' in shown and f"pay back 120.5 EUR of order {order}\n" in shown

    def test_a_text_is_not_taken_for_what_it_looks_like(self, licet: Licet) -> None:
        (request_id,) = start(licet, "refund true 120.50")["approvals"]
        assert 'order_id = "true"\n' in licet("approvals", "show", request_id).stdout

    def test_foreign_text_is_shown_and_does_nothing(self, licet: Licet, waiting: tuple[str, str]) -> None:
        _, request_id = waiting
        assert "[red]they asked[/] for it" in licet("approvals", "show", request_id).stdout


class TestRuns:
    def test_runs_are_listed_newest_first(self, licet: Licet, waiting: tuple[str, str]) -> None:
        first, _ = waiting
        second = start(licet, "read O-1")["run_id"]
        listed = json.loads(licet("runs", "list", "--json").stdout)
        assert [run["run_id"] for run in listed] == [second, first]
        assert [run["outcome"] for run in listed] == ["done", None]
        suspended = json.loads(licet("runs", "list", "--status", "suspended", "--json").stdout)
        assert [run["run_id"] for run in suspended] == [first]
        licet("runs", "list", "--status", "sleeping", code=2)
        assert second in licet("runs", "list").stdout

    def test_a_run_is_shown_with_its_calls(self, licet: Licet, waiting: tuple[str, str]) -> None:
        run_id, _ = waiting
        shown = licet("runs", "show", run_id).stdout
        assert "s1c1" in shown and "waits for 1 of any reviewer" in shown

    def test_a_stopped_run_does_not_go_on(self, licet: Licet, waiting: tuple[str, str], folder: Path) -> None:
        run_id, request_id = waiting
        licet("runs", "stop", run_id, "--reason", "the customer called")
        assert (
            explained(licet, run_id)["now"] == f"It was stopped by switch.run:{run_id}: the customer called"
        )
        licet("approvals", "approve", request_id, code=1)
        licet("runs", "resume", run_id, *APP, code=1)
        licet("runs", "stop", run_id, "--reason", "again", code=1)
        assert ledger(folder) == []

    def test_a_call_in_doubt_is_reconciled_by_a_person_after_its_deadline(
        self, licet: Licet, folder: Path
    ) -> None:
        result = start(licet, "mark urgent", 1)
        run_id = result["run_id"]
        assert (result["type"], result["call_id"]) == ("InDoubt", "s1c1")
        licet("runs", "resume", run_id, *APP, code=1)
        command = [
            "runs",
            "reconcile",
            run_id,
            "s1c1",
            "--not-happened",
            "--evidence",
            "the ticket has no mark",
        ]
        licet("runs", "reconcile", run_id, "s9c9", "--happened", "--evidence", "x", code=1)
        until = time.monotonic() + 30
        while (
            done := subprocess.run([LICET, *command], cwd=folder, capture_output=True, check=False)
        ).returncode:
            assert b"may still be under way" in done.stderr and time.monotonic() < until
        licet(*command, code=1)
        assert json.loads(licet("runs", "resume", run_id, *APP, "--json").stdout)["type"] == "Answered"
        (call,) = explained(licet, run_id)["calls"]
        assert call["status"] == "failed" and "found out that it did not happen" in call["why"]
        assert call["moments"][-1]["evidence"]["value"] == "the ticket has no mark"

    def test_a_run_is_found_by_a_prefix_that_only_it_has(self, licet: Licet) -> None:
        first = start(licet, "read O-1")["run_id"]
        start(licet, "read O-1")
        assert explained(licet, first[:30])["run_id"] == first
        assert "2 runs begin with" in licet("audit", "explain", first[:8], code=1).stderr
        assert "at least its first 8" in licet("audit", "explain", first[:7], code=1).stderr
        assert "there is no run" in licet("audit", "explain", "00000000", code=1).stderr


class TestSwitches:
    def test_what_is_killed_starts_again_when_it_is_unkilled(self, licet: Licet, folder: Path) -> None:
        start(licet, "read O-1")
        licet("kill", "tool:refund", "--reason", "the bank is down", "--tenant", "default")
        assert start(licet, "refund O-1 20.00", 1)["reason"] == "the bank is down"
        assert ledger(folder) == []
        licet("kill", "all", "--reason", "fire drill")
        still = licet("unkill", "tool:refund", "--reason", "it is back", "--tenant", "default")
        assert "fire drill" in still.stdout
        licet("unkill", "all", "--reason", "it is over")
        assert start(licet, "refund O-1 20.00")["type"] == "Answered"

    def test_a_scope_has_a_kind(self, licet: Licet) -> None:
        start(licet, "read O-1")
        assert "is no scope" in licet("kill", "refund", "--reason", "x", code=2).stderr


class TestVerify:
    def test_a_whole_journal_verifies_without_key_or_app(self, licet: Licet, folder: Path) -> None:
        start(licet, "read O-1")
        shutil.rmtree(folder / "keys", ignore_errors=True)
        (folder / "desk.py").unlink()
        found = json.loads(licet("audit", "verify", "--json").stdout)
        assert found["ok"] and found["problems"] == [] and found["records"] > 5
        assert "The journal is whole" in licet("audit", "verify").stdout

    def test_the_first_bad_record_is_named(self, licet: Licet, folder: Path) -> None:
        run_id = start(licet, "read O-1")["run_id"]
        with sqlite3.connect(folder / "licet.db") as database:
            (guard,) = database.execute(
                "SELECT sql FROM sqlite_master WHERE name = 'events_no_update'"
            ).fetchone()
            database.execute("DROP TRIGGER events_no_update")
            database.execute(
                "UPDATE events SET record = replace(record, 'read_order', 'read_other')"
                " WHERE stream = ? AND seq = 3",
                (run_id,),
            )
            database.execute(guard)
        database.close()
        done = licet("audit", "verify", code=1)
        assert "record 3" in done.stdout and run_id in done.stdout
        problems = json.loads(licet("audit", "verify", "--json", code=1).stdout)["problems"]
        assert (problems[0]["stream"], problems[0]["seq"]) == (run_id, 3)
        assert "licet audit verify" in licet("audit", "explain", run_id, code=1).stderr

    def test_a_missing_trigger_is_named(self, licet: Licet, folder: Path) -> None:
        start(licet, "read O-1")
        with sqlite3.connect(folder / "licet.db") as database:
            database.execute("DROP TRIGGER events_no_delete")
        database.close()
        assert "events_no_delete" in licet("audit", "verify", code=1).stdout

    @pytest.mark.parametrize(
        "command",
        [
            ["audit", "verify"],
            ["audit", "explain", "0" * 36],
            ["runs", "list"],
            ["runs", "show", "0" * 36],
            ["runs", "stop", "0" * 36, "--reason", "x"],
            ["runs", "resume", "0" * 36, *APP],
            ["runs", "reconcile", "0" * 36, "c1", "--happened", "--evidence", "x"],
            ["approvals", "list"],
            ["approvals", "show", "0" * 36],
            ["approvals", "approve", "0" * 36],
            ["approvals", "reject", "0" * 36, "--reason", "x"],
            ["kill", "all", "--reason", "x"],
            ["unkill", "all", "--reason", "x"],
        ],
        ids=" ".join,
    )
    def test_no_command_makes_a_journal_that_is_not_there(
        self, licet: Licet, folder: Path, command: list[str]
    ) -> None:
        done = licet(*command, code=2)
        assert "there is no journal" in done.stderr and len(done.stderr.splitlines()) == 1
        assert not (folder / "licet.db").exists()


class TestExplain:
    def test_it_tells_who_asked_what_ran_and_who_approved(
        self, licet: Licet, waiting: tuple[str, str]
    ) -> None:
        run_id, request_id = waiting
        licet("approvals", "approve", request_id, "--reason", "it arrived broken", "--resume", *APP)
        told = licet("audit", "explain", run_id).stdout
        for expected in (
            "alice (support) of tenant default",
            "desk 1, mode act: Answer refund requests",
            "model main (scripted)",
            "10 tokens in, 5 out",
            "[red]they asked[/] for it",
            "licet.effects.irreversible",
            "they were shown: pay back 120.5 EUR of order O-1",
            "approved it",
            "it arrived broken",
            "permitted (irreversible)",
            "120.5 EUR paid back",
            "It is over",
            "All is done.",
        ):
            assert expected in told

    def test_what_a_tool_returned_cannot_act_on_the_terminal(self, licet: Licet) -> None:
        run_id = start(licet, "read O-1")["run_id"]
        told = licet("audit", "explain", run_id).stdout
        assert "\u202e" not in told and "[bold red]owned[/]" in told
        raw = licet("audit", "explain", run_id, "--json").stdout
        assert raw.isascii()
        assert json.loads(raw)["calls"][0]["moments"][0]["result"]["value"]["note"].startswith("\x1b[2J")

    def test_one_call_can_be_asked_for(self, licet: Licet) -> None:
        run_id = start(licet, "read O-1")["run_id"]
        assert [call["tool"] for call in explained(licet, run_id, "--call", "s1c1")["calls"]] == [
            "read_order"
        ]
        assert "it has: s1c1" in licet("audit", "explain", run_id, "--call", "s7c1", code=1).stderr


class TestPolicy:
    REGO = (
        "package licet.user.shop\n\nimport rego.v1\n\n"
        'deny contains {"rule": "shop.closed", "message": "closed", "visible_to_model": true} if {\n'
        '\tinput.tool.name == "refund"\n}\n'
    )

    @pytest.fixture
    def rego(self, folder: Path) -> Path:
        try:
            toolchain.find()
        except OpaMissing as missing:
            if os.environ.get("LICET_CI") == "1":
                pytest.fail(str(missing))
            pytest.skip("there is nothing here to compile policies with")
        (folder / "rego").mkdir()
        (folder / "rego" / "shop.rego").write_text(self.REGO)
        return folder / "rego"

    def test_a_good_policy_is_checked_built_and_asked(self, licet: Licet, rego: Path) -> None:
        checked = json.loads(licet("policy", "check", "rego", "--json").stdout)
        built = licet("policy", "build", "rego", "--output", "shop.tar.gz").stdout
        assert checked["ok"] and checked["revision"] in built
        result = start(licet, "refund O-1 20.00", 0, "--policies", "shop.tar.gz")
        (call,) = explained(licet, result["run_id"])["calls"]
        assert call["status"] == "denied"
        assert call["moments"][0]["reasons"][0]["rule"] == "shop.closed"

    def test_a_bad_policy_is_named_by_file_and_line(self, licet: Licet, rego: Path) -> None:
        (rego / "shop.rego").write_text(self.REGO.replace("input.tool.name", "input.tool.nmae"))
        assert "shop.rego:6" in licet("policy", "check", "rego", code=1).stderr
        (fault,) = json.loads(licet("policy", "check", "rego", "--json", code=1).stdout)["faults"]
        assert fault["line"] == 6
        licet("policy", "build", "rego", code=2)

    def test_a_path_that_is_not_there_is_wrong_usage(self, licet: Licet) -> None:
        licet("policy", "check", "nowhere", code=2)

    def test_the_policy_can_be_asked_about_one_input(self, licet: Licet, folder: Path) -> None:
        result = start(licet, "read O-1")
        with sqlite3.connect(folder / "licet.db") as database:
            (document,) = database.execute(
                "SELECT content FROM payloads JOIN events ON events.id = payloads.id / 16"
                " WHERE stream = ? AND name = 'policy_input'",
                (result["run_id"],),
            ).fetchone()
        database.close()
        (folder / "input.json").write_bytes(document)
        assert json.loads(licet("policy", "eval", "--input", "input.json", "--json").stdout)["allow"] is True
        denied = json.loads(document) | {"allowance": {"listed": False, "within": True, "unattended": False}}
        (folder / "input.json").write_text(json.dumps(denied))
        assert "denied" in licet("policy", "eval", "--input", "input.json", code=1).stdout

    def test_what_is_no_policy_input_is_told_by_its_keys_and_not_quoted(
        self, licet: Licet, folder: Path
    ) -> None:
        (folder / "input.json").write_text('{"secret": "token-4711", "run": {"id": 5}}')
        told = licet("policy", "eval", "--input", "input.json", code=2).stderr
        assert "token-4711" not in told
        assert "policies/schema/input.json" in told
        assert told.count("$.principal") == 1 and "$.run.step" in told and "$.run.id (type)" in told


class TestOutput:
    @pytest.mark.parametrize("arguments", [["audit", "verify"], ["audit", "verify", "--json"], ["--help"]])
    @pytest.mark.parametrize("also_errors", [False, True])
    def test_what_cannot_be_written_exits_3(
        self, waiting: tuple[str, str], folder: Path, arguments: list[str], also_errors: bool
    ) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [LICET, *arguments],
                cwd=folder,
                stdout=full,
                stderr=subprocess.STDOUT if also_errors else subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 3
        assert also_errors or done.stderr == "the output cannot be written: No space left on device\n"

    @pytest.mark.parametrize("arguments", [["audit", "verify"], ["audit", "verify", "--json"], ["--help"]])
    def test_a_reader_that_has_gone_ends_it_quietly_and_is_no_answer(
        self, waiting: tuple[str, str], folder: Path, arguments: list[str]
    ) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [LICET, *arguments], cwd=folder, stdout=writing, stderr=subprocess.PIPE, check=False
            )
        finally:
            os.close(writing)
        assert (done.returncode, done.stderr) == (141, b"")
