"""A process that dies: `python crash_child.py FOLDER POINT MODE`, killed by itself with SIGKILL at POINT.

POINT is a stage of the gate, or `before-effect` / `after-effect` inside the tool; only the first call of the
refund tool (or of `note`, in mode `write`) dies.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from governed import ALICE, Ledger, answer, calls, scripted, world

from licet.audit import writer

QUICK = {"thread": -1.0, "loop": float("inf")}
"""What counts as a quick commit, by who is to commit while the run is alone."""

SCRIPTS = {
    "irreversible": [
        calls(("read_order", {"order_id": "O-1"})),
        calls(("refund", {"order_id": "O-1", "amount": "20.00"})),
        answer("refunded"),
    ],
    "approved": [calls(("refund", {"order_id": "O-1", "amount": "120.00"})), answer("refunded")],
    "write": [calls(("note", {"text": "hello"})), answer("noted")],
}
VICTIM = {"irreversible": "s2c1", "approved": "s1c1", "write": "s1c1"}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(folder: Path, point: str, mode: str, resume: str | None) -> None:
    def observe(stage: str, call_id: str) -> None:
        if call_id == VICTIM[mode] and stage == point:
            die()

    def between(where: str) -> None:
        if where == point:
            die()

    ledger = Ledger(folder / "ledger.txt", between)
    async with world(folder, model=scripted(SCRIPTS[mode]), ledger=ledger, observer=observe) as runtime:
        if resume:
            await runtime.resume(resume)
        else:
            await runtime.run("desk", "please", ALICE)


if __name__ == "__main__":
    writer.QUICK = QUICK[os.environ["COMMITTER"]]
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] if sys.argv[4:] else None))
