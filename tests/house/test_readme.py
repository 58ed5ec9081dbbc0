"""README.md: its example runs as printed and prints what stands under it; its links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from house import BIN, ROOT

README = (ROOT / "README.md").read_text()
EXAMPLE = re.compile(r"<!-- example -->\n+```python\n(.*?)```\n.*?```text\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def example() -> tuple[str, str]:
    """The program, and what README says it prints."""
    (found,) = EXAMPLE.findall(README)
    return found


def test_the_example_prints_what_the_readme_says(example: tuple[str, str], tmp_path: Path) -> None:
    program, expected = example
    (tmp_path / "desk.py").write_text(program)
    ran = subprocess.run(
        [sys.executable, "-W", "error", "desk.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == expected


def test_the_example_leaves_a_journal_that_verifies(example: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(example[0])
    subprocess.run([sys.executable, "desk.py"], cwd=tmp_path, check=True, capture_output=True)
    (url,) = re.findall(r"sqlite:///[\w.]+", example[0])
    verified = subprocess.run(
        [BIN / "licet", "audit", "verify", "--database", url], cwd=tmp_path, capture_output=True, check=False
    )
    assert verified.returncode == 0


def test_the_example_is_typed(example: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text(example[0])
    # From the root, where `licet` is found and `make lint` has left its cache. Only the example is judged.
    checked = subprocess.run(
        [BIN / "mypy", "--strict", "--follow-imports=silent", tmp_path / "desk.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_the_example_is_short(example: tuple[str, str]) -> None:
    assert len([line for line in example[0].splitlines() if line.strip()]) <= 30


def test_what_waits_is_approved_and_runs_as_the_readme_says(
    example: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk.py").write_text(example[0])
    monkeypatch.chdir(tmp_path)
    for variable in ("LICET_DATABASE_URL", "LICET_APPROVAL_PUBLIC_KEYS", "LICET_REVIEWERS", "LICET_POLICIES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "keys" / "approval.key"))
    subprocess.run([sys.executable, "desk.py"], check=True, capture_output=True)

    def licet(*words: str) -> str:
        done = subprocess.run([BIN / "licet", *words], check=True, capture_output=True, text=True)
        return done.stdout

    (waits,) = json.loads(licet("approvals", "list", "--json"))
    assert "Pay back 120 EUR of order O-1234" in licet("approvals", "show", waits["request_id"])
    said = "licet approvals approve REQUEST --resume --app desk:runtime"
    assert said in README
    licet(*said.replace("REQUEST", waits["request_id"]).split()[1:])
    shown = json.loads(licet("runs", "show", waits["run_id"], "--json"))
    assert [call["status"] for call in shown["calls"]] == ["executed", "executed", "denied"]
    assert "120 EUR paid back for O-1234" in licet("audit", "explain", waits["run_id"])
