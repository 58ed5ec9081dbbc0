"""`python -m benchmarks.agentdojo [--suite NAME] [--approver exact|none|all] [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import get_args


def main() -> int:
    """Replay and print. Returns the exit code: 0, or 2 without AgentDojo."""
    if find_spec("agentdojo") is None:
        print("AgentDojo is not installed: run `make bench`, or `pip install --group bench`", file=sys.stderr)
        return 2
    from benchmarks.agentdojo.approver import Kind
    from benchmarks.agentdojo.scoring import ATTACK, score
    from benchmarks.agentdojo.suites import SUITES, VERSION

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agentdojo",
        description=f"Replay AgentDojo {VERSION} (attack {ATTACK!r}) through Licet's gate.",
    )
    parser.add_argument(
        "--suite", action="append", choices=SUITES, help="which, perhaps several times; by default all"
    )
    parser.add_argument(
        "--approver",
        choices=get_args(Kind),
        default="exact",
        help="who answers when a call waits for a person: exact grants each call that the user's task "
        "needs, once, and rejects the rest; none leaves everything waiting; all approves everything, which "
        "shows what the attacks do when nobody looks",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, keyed by suite")
    options = parser.parse_args()
    scores = {
        name: asdict(asyncio.run(score(name, SUITES[name], options.approver)))
        for name in options.suite or SUITES
    }
    if options.json:
        print(json.dumps(scores, indent=2))
        return 0
    print(f"AgentDojo {VERSION}, attack {ATTACK!r}, approver {options.approver!r}")
    for name, figures in scores.items():
        print(f"\n{name}")
        for key, figure in figures.items():
            print(f"  {key.replace('_', ' '):<20}{figure:>6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
