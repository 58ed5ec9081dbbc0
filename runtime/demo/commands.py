"""The demo's other processes: a worker of its own, and Licet's command line as a person would use it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import orjson

from licet.runtime.demo.home import Home

APP = "licet.runtime.demo.app:runtime"
LONGEST = 120
"""Seconds that a command may take."""

_LICET = "import sys; from licet.runtime.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Finished:
    """A process that has ended. `output` is what it wrote, errors last."""

    code: int
    output: str


@dataclass(frozen=True)
class Worked:
    """What a worker's process says of the run that it drove."""

    pid: int
    run_id: str
    result: str
    approvals: tuple[str, ...]


def licet(home: Home, *words: str, model: str | None = None) -> Finished:
    """`licet` with these words, in a process of its own."""
    return _finished([sys.executable, "-c", _LICET, *words], home, model)


def work(home: Home, ticket: str, model: str | None = None) -> Worked:
    """Work a ticket in a process of its own, which has exited when this returns.

    Raises:
        RuntimeError: the process failed.
    """
    done = _finished([sys.executable, "-m", "licet.runtime.demo", "work", ticket], home, model)
    if done.code != 0:
        raise RuntimeError(f"the process that worked {ticket} ended with {done.code}: {done.output.strip()}")
    told = orjson.loads(done.output.strip().splitlines()[0])
    return Worked(told["pid"], told["run"], told["result"], tuple(told["approvals"]))


def _finished(command: list[str], home: Home, model: str | None) -> Finished:
    environment = home.environment(model)
    # Plain and unwrapped: what a process says is escaped and wrapped where it is shown.
    environment.update(NO_COLOR="1", TERM="dumb", PYTHONIOENCODING="utf-8")
    for name in ("FORCE_COLOR", "COLUMNS"):
        environment.pop(name, None)
    ended = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LONGEST,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    return Finished(ended.returncode, ended.stdout + ended.stderr)
