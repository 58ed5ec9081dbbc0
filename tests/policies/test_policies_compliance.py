"""OPA's own compliance cases: OPA's answer, or refused when built; and the docs say how often."""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

from benchmarks.compliance import HOME, Case, Outcome, page, run

PAGE = HOME.parents[1] / "docs" / "compliance.md"


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    if shutil.which("go") is None:
        if os.environ.get("LICET_CI") == "1":
            pytest.fail("there is no go here to compile OPA's compliance cases")
        pytest.skip("there is no go here to compile OPA's compliance cases")
    with pytest.MonkeyPatch.context() as patch:
        # Two thousand policies that nobody asks again are not kept.
        patch.setenv("LICET_CACHE_DIR", os.devnull)
        return run()


@pytest.mark.slow
def test_no_case_gets_another_answer(cases: list[Case]) -> None:
    assert [case for case in cases if case.outcome in (Outcome.OTHER, Outcome.STOPPED)] == []


@pytest.mark.slow
def test_most_cases_are_answered(cases: list[Case]) -> None:
    counts = Counter(case.outcome for case in cases)
    assert counts[Outcome.SAME] > 1900
    assert counts[Outcome.SAME] > 0.8 * (len(cases) - counts[Outcome.UNASKED])


@pytest.mark.slow
def test_what_is_refused_says_why(cases: list[Case]) -> None:
    for case in cases:
        if case.outcome is Outcome.REFUSED:
            assert case.detail, case


@pytest.mark.slow
def test_the_published_counts_are_these(cases: list[Case]) -> None:
    assert PAGE.read_text() == page(cases), "run python -m benchmarks.compliance"
