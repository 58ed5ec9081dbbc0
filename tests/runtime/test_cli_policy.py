"""`licet policy`, run as a rule's author runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from licet.policies import toolchain
from licet.policies.opa_program import OpaMissing

LICET = Path(sys.executable).with_name("licet")

Licet = Callable[..., "subprocess.CompletedProcess[str]"]

RULES = """package licet.user.refunds

approval contains {
	"rule": "refunds.large",
	"requires": [{"group": "finance", "count": 2}],
	"expires_in": 14400,
	"reason": "This is a large refund.",
} if {
	print("amount", input.call.args.amount)
	input.tool.name == "issue_refund"
	not small
}

small if input.call.args.amount <= data.refunds.large

deny contains {"rule": "refunds.suspended", "message": "Suspended."} if "suspended" in input.principal.roles
"""

TESTS = """package licet.user.refunds_test

import data.licet.user.refunds

asked(amount) := {"tool": {"name": "issue_refund"}, "call": {"args": {"amount": amount}}, "principal": {"roles": []}}

test_large if count(refunds.approval) == 1 with input as asked(101)

test_small if count(refunds.approval) == 0 with input as asked(100)

test_the_whole_decision if {
	some denial in data.licet.decision.deny with input as asked(1)
	denial.rule == "licet.effects.malformed_input"
}

todo_test_later if false
"""

CALL: dict[str, Any] = {
    "principal": {"subject": "alice", "tenant": "default", "roles": [], "attributes": {}},
    "agent": {"id": "agent", "model": None},
    "workflow": {"name": "desk", "version": "1", "owner": "o@acme.example", "risk": "low", "mode": "act"},
    "tool": {"name": "issue_refund", "version": "1", "effect": "write", "idempotent": False,
             "contract_hash": "", "tags": [], "source": "python"},
    "allowance": {"listed": True, "within": True, "unattended": False},
    "call": {"args": {"amount": 120}, "reason": "", "digest": "", "provenance": {}},
    "run": {"id": "", "step": 0, "counts": {}, "calls": [], "labels": [],
            "spent": {"usd": 0, "tokens": 0, "calls": 0},
            "remaining": {"usd": None, "tokens": None, "calls": None}, "approvals": 0},
    "context": {"time": "2026-01-02T12:00:00.000000Z", "environment": {}, "tenant_data": {}, "resource": None},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    try:
        toolchain.find()
    except OpaMissing as missing:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail(str(missing))
        pytest.skip("there is nothing here to compile policies with")
    for name, content in {
        "rules/refunds.rego": RULES,
        "rules/refunds_test.rego": TESTS,
        "rules/refunds/data.json": '{"large": 100}',
        "call.json": json.dumps(CALL),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.fixture
def licet(folder: Path) -> Licet:
    def run(*arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [LICET, "policy", *arguments],
            cwd=folder,
            env={**os.environ, "NO_COLOR": "1", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


def change(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))


def test_each_finding_is_told_with_file_line_column_and_source(licet: Licet, folder: Path) -> None:
    assert "can be used" in licet("check", "rules").stdout
    change(folder, "rules/refunds.rego", "not small", "input.call.args.amount > 100")
    told = licet("check", "rules", code=1).stderr.splitlines()
    at = next(number for number, line in enumerate(told) if "rules/refunds.rego:11:2: " in line)
    assert "`input.call.args.amount` may be missing" in told[at]
    assert told[at].endswith("[silent]")
    assert told[at + 1].strip() == "input.call.args.amount > 100"
    found = json.loads(licet("check", "rules", "--json", code=1).stdout)
    assert found["ok"] is False
    assert [(fault["line"], fault["column"], fault["lint"]) for fault in found["faults"]] == [
        (11, 2, "silent"),
        (14, 1, "unreachable"),
    ]


def test_files_and_more_data_are_checked_together(licet: Licet, folder: Path) -> None:
    (folder / "limits.json").write_text('{"refunds": {"large": 3}}')
    licet("check", "rules/refunds.rego", "--data", "limits.json")
    assert (
        "data.json" in licet("check", "rules", "--data", "limits.json", code=1).stderr
    )  # it is there already
    (folder / "data.json").write_text('{"licet": {}}')
    assert "Licet's own" in licet("check", "rules", "--data", "data.json", code=1).stderr
    licet("check", code=2)
    licet("check", "nowhere", code=2)


def test_without_a_toolchain_it_is_wrong_configuration(licet: Licet) -> None:
    for command in (("check", "rules"), ("test", "rules"), ("build", "rules")):
        assert "make toolchain" in licet(*command, code=2, LICET_OPA="/nowhere/opa").stderr


def test_tests_are_run_with_the_library(licet: Licet) -> None:
    told = licet("test", "rules").stdout
    assert "3 passed, 1 skipped" in told
    found = json.loads(licet("test", "rules", "--json").stdout)
    assert found["passed"] is True
    assert found["coverage"] is None
    assert {test["name"]: test["status"] for test in found["tests"]} == {
        "test_large": "passed",
        "test_small": "passed",
        "test_the_whole_decision": "passed",
        "todo_test_later": "skipped",
    }
    assert {test["file"] for test in found["tests"]} == {"rules/refunds_test.rego"}


def test_a_test_that_fails_is_told_by_the_line_that_does_not_hold(licet: Licet, folder: Path) -> None:
    change(folder, "rules/refunds_test.rego", "asked(100)", "asked(101)")
    told = licet("test", "rules", "--coverage", code=1).stdout
    assert "failed  data.licet.user.refunds_test.test_small" in told
    assert "rules/refunds_test.rego:9 does not hold" in told
    assert "printed: amount 101" in told
    assert "when all of them pass" in told
    (failed,) = [
        test
        for test in json.loads(licet("test", "rules", "--json", code=1).stdout)["tests"]
        if test["status"] == "failed"
    ]
    assert failed["failed_at"] == ["rules/refunds_test.rego", 9]


def test_what_the_tests_cover_is_told_by_rule(licet: Licet) -> None:
    told = licet("test", "rules", "--coverage").stdout
    assert "lines that no test came to" in told
    rules = json.loads(licet("test", "rules", "--coverage", "--json").stdout)["coverage"]["rules"]
    covered = {rule["rule"].removeprefix("data.licet.user.refunds."): rule for rule in rules}
    assert covered["approval"]["percent"] == 100
    assert covered["approval"]["missed"] == []
    assert covered["deny"]["percent"] < 100
    assert covered["deny"]["file"] == "rules/refunds.rego"


def test_no_test_at_all_and_tests_that_do_not_compile_are_no(licet: Licet, folder: Path) -> None:
    change(folder, "rules/refunds_test.rego", "count(", "nothing(")
    assert "rules/refunds_test.rego:7" in licet("test", "rules", code=1).stderr
    (folder / "rules/refunds_test.rego").unlink()
    assert "There is no test" in licet("test", "rules", code=1).stdout


def test_a_decision_is_explained_by_the_steps_in_the_authors_rules(licet: Licet) -> None:
    told = licet("eval", "--input", "call.json", "--policies", "rules", "--explain").stdout
    assert told.startswith("allowed\n  granted by licet.effects.write_within_narrowings\n")
    assert "once approved by 2 of finance: This is a large refund." in told
    assert "user/refunds.rego:10" in told
    assert "licet/effects.rego" not in told
    assert "amount 120" in told.partition("printed:")[2]
    found = json.loads(
        licet("eval", "--input", "call.json", "--policies", "rules", "--explain", "--json").stdout
    )
    assert found["allow"] is True
    assert found["printed"] == ["amount 120"]
    assert any("Index data.licet.user.refunds.deny (matched" in step for step in found["trace"])
    plain = json.loads(licet("eval", "--input", "call.json", "--policies", "rules", "--json").stdout)
    assert "trace" not in plain
    assert plain["approval"] == found["approval"]


def test_the_shipped_policy_and_a_bundle_are_explained_too(licet: Licet, folder: Path) -> None:
    assert "licet/effects.rego" in licet("eval", "--input", "call.json", "--explain").stdout
    licet("build", "rules", "-o", "made.tar.gz")
    told = licet("eval", "--input", "call.json", "--policies", "made.tar.gz", "--explain").stdout
    assert "user/refunds.rego:" in told
    denied = CALL | {"principal": CALL["principal"] | {"roles": ["suspended"]}}
    (folder / "call.json").write_text(json.dumps(denied))
    assert "Suspended." in licet("eval", "--input", "call.json", "--policies", "made.tar.gz", code=1).stdout


def key_pair(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    pem = serialization.Encoding.PEM
    for name in ("mine", "theirs"):
        key = rsa.generate_private_key(65537, 2048)
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
        (folder / f"{name}.key").write_bytes(private)
        (folder / f"{name}.pub").write_bytes(public)


def test_a_bundle_is_built_with_data_and_a_name_for_its_revision(licet: Licet, folder: Path) -> None:
    from licet.policies.load import policy_set

    (folder / "rules/refunds/data.json").unlink()
    (folder / "limits.yaml").write_text("refunds:\n  large: 119\n")
    said = licet(
        "build", "rules", "--data", "limits.yaml", "--revision", "3f2c1a", "-o", "made.tar.gz"
    ).stdout
    bundle = policy_set(folder / "made.tar.gz")
    assert bundle.label == "3f2c1a"
    assert f"revision {bundle.revision}" in said
    assert "large refund" in licet("eval", "--input", "call.json", "--policies", "made.tar.gz").stdout
    checked = json.loads(licet("check", "made.tar.gz", "--json").stdout)
    assert checked == {"ok": True, "revision": bundle.revision, "faults": []}


def test_a_signed_bundle_is_taken_where_its_key_is_demanded_and_no_other(licet: Licet, folder: Path) -> None:
    key_pair(folder)
    licet("build", "rules", "-o", "plain.tar.gz")
    said = licet(
        "build", "rules", "-o", "made.tar.gz", "--signing-key", "mine.key", "--verification-key", "mine.pub"
    )
    assert "signed" in said.stdout
    asking = ("eval", "--input", "call.json", "--policies")
    licet(*asking, "made.tar.gz", "--verification-key", "mine.pub")
    licet(*asking, "made.tar.gz", LICET_VERIFICATION_KEY="mine.pub")
    licet("check", "made.tar.gz", "--verification-key", "mine.pub")
    for refused in ("plain.tar.gz", "rules"):
        assert "signed" in licet(*asking, refused, code=2, LICET_VERIFICATION_KEY="mine.pub").stderr
    told = licet("check", "made.tar.gz", "--verification-key", "theirs.pub", code=1).stderr
    assert "not signed by the key" in told
    licet(
        "build",
        "rules",
        "-o",
        "x.tar.gz",
        "--signing-key",
        "mine.key",
        "--verification-key",
        "theirs.pub",
        code=2,
    )
    assert not (folder / "x.tar.gz").exists()
    assert "no private key" in licet("build", "rules", "--signing-key", "mine.pub", code=2).stderr
