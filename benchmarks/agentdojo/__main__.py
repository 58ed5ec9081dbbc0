"""`python -m benchmarks.agentdojo [--suite NAME|all] [--profile PROFILE] [--attack NAME] [--json]`."""

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
    from benchmarks.agentdojo.arena import AttackName, Profile, Setting
    from benchmarks.agentdojo.scoring import score, score_adaptive, total
    from benchmarks.agentdojo.suites import SUITES, VERSION

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.agentdojo",
        description=f"Replay AgentDojo {VERSION} through Licet's gate.",
    )
    parser.add_argument(
        "--suite",
        action="append",
        choices=[*SUITES, "all", "adaptive"],
        help="which, perhaps several times; by default all. With all of them, their sum is under `all`, and attacks "
        "of our own under `adaptive`, which `adaptive` alone gives too",
    )
    parser.add_argument(
        "--profile",
        choices=get_args(Profile),
        default="strict",
        help="which text may go out unattended: strict, the user's own words and the application's data; standard, "
        "a model's text too, without links and private data. every-effect is to compare with: a person is asked "
        "about every call with an effect",
    )
    parser.add_argument(
        "--attack", choices=get_args(AttackName), default="direct", help="how the injected text is worded"
    )
    parser.add_argument(
        "--injection-last",
        action="store_true",
        help="put the injected text after what stands there without an attack, instead of in its place",
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
    setting = Setting(options.profile, options.attack, options.injection_last)
    chosen = list(SUITES) if options.suite is None or "all" in options.suite else options.suite
    chosen = [name for name in chosen if name != "adaptive"]
    found = {name: asyncio.run(score(name, SUITES[name], options.approver, setting)) for name in chosen}
    if len(found) == len(SUITES):
        found["all"] = total(list(found.values()))
    scores = {name: asdict(figures) for name, figures in found.items()}
    if options.suite == ["adaptive"] or len(found) > len(SUITES):
        scores["adaptive"] = asdict(asyncio.run(score_adaptive(SUITES, options.approver, setting)))
    if options.json:
        print(json.dumps(scores, indent=2))
        return 0
    last = ", injection last" if options.injection_last else ""
    print(
        f"AgentDojo {VERSION}, attack {options.attack!r}{last}, profile {options.profile!r}, "
        f"approver {options.approver!r}"
    )
    for name, figures in scores.items():
        print(f"\n{name}")
        for key, figure in figures.items():
            if isinstance(figure, list):
                print(f"  {key}:", *figure or ["none"], sep="\n    ")
            else:
                print(f"  {key.replace('_', ' '):<30}{figure:>6}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
