"""`python -m benchmarks.compliance`: ask every case of OPA's and write docs/compliance.md."""

from __future__ import annotations

import argparse
import os
import sys

from benchmarks.compliance import HOME, Outcome, page, run
from licet.audit.errors import LicetError

PAGE = HOME.parents[1] / "docs" / "compliance.md"


def main() -> int:
    """Count. Returns the exit code: 0, 1 when a case gets another answer or none, or the page differs, 2 without Go."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compliance", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the page differs")
    options = parser.parse_args()
    # Two thousand policies that nobody asks again are not kept.
    os.environ["LICET_CACHE_DIR"] = os.devnull
    try:
        cases = run()
    except LicetError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for case in cases:
        if case.outcome in (Outcome.OTHER, Outcome.STOPPED, Outcome.UNASKED):
            print(f"{case.outcome.value}: {case.category}: {case.note}: {case.detail}", file=sys.stderr)
    made = page(cases)
    differs = not PAGE.is_file() or PAGE.read_text() != made
    if differs and options.check:
        print(f"{PAGE} differs; run python -m benchmarks.compliance", file=sys.stderr)
    elif differs:
        PAGE.write_text(made)
        print(f"wrote {PAGE}")
    wrong = any(case.outcome in (Outcome.OTHER, Outcome.STOPPED) for case in cases)
    return int(wrong or (differs and options.check))


if __name__ == "__main__":
    sys.exit(main())
