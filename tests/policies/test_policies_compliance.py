"""OPA's own compliance cases: OPA's answer, or refused when built; and the docs say how often."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_no_case_gets_another_answer_and_the_published_counts_are_these() -> None:
    if shutil.which("go") is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("there is no go here to compile OPA's compliance cases")
        pytest.skip("there is no go here to compile OPA's compliance cases")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.compliance", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_published_counts_leave_none_to_another_answer_and_most_to_opas() -> None:
    page = (ROOT / "docs" / "compliance.md").read_text()
    (row,) = re.findall(r"^\| \*\*all\*\* \|(.*)\|$", page, re.MULTILINE)
    cases, same, refused, stopped, other, unasked = map(int, row.split("|"))
    assert cases == same + refused + stopped + other + unasked
    assert (stopped, other) == (0, 0)
    assert same > 1850
    assert same > 0.75 * cases
