"""The gate's benchmark runs as it is documented and prints what it promises; how fast is nothing to assert."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FIGURES = {
    "decision_us",
    "policy_input_bytes",
    "read_p50_us",
    "read_p99_us",
    "effect_p50_us",
    "effect_p99_us",
    "floor_read_us",
    "floor_effect_us",
    "ratio_read",
    "ratio_effect",
    "effect_calls_per_s_1",
    "effect_calls_per_s_100",
    "import_s",
}
STAGES = [
    "admit",
    "arguments",
    "limits",
    "authorize",
    "decide",
    "reserve",
    "review",
    "execute",
    "record",
    "answer",
]

pytestmark = pytest.mark.slow


def test_it_measures_calls_stages_and_their_floor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gate", "--json", "--calls", "40"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    stages = figures.pop("stages")
    assert set(figures) == FIGURES
    assert all(figure > 0 for figure in figures.values())
    assert list(stages["read"]) == STAGES
    assert list(stages["effect"]) == [*STAGES[:7], "intent", *STAGES[7:]]
    for kind in ("read", "effect"):
        assert figures[f"ratio_{kind}"] == pytest.approx(
            figures[f"{kind}_p50_us"] / figures[f"floor_{kind}_us"], rel=0.02
        )
