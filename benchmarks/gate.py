"""What the gate costs: `python -m benchmarks.gate [--json]`.

Measured in one run: a read call and a call with an effect, one at a time and with 100 runs at once, and the
floor they stand on, which is one bare evaluation of the same policy bundle on the same input under wasmtime,
and one (read) or two (effect) bare `sqlite3` commits of the same bytes with synchronous=FULL. Times are
microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar

import orjson

from licet import (
    Amount,
    Executed,
    Limits,
    Principal,
    Runtime,
    StopRules,
    Target,
    Workflow,
    allow,
    at_most,
    tool,
)
from licet.policies import load
from licet.policies.wasm import PolicyInstance

CALLS_PER_RUN = 20
PRINCIPAL = Principal(subject="user-1042", tenant="acme", roles=frozenset({"support"}))


@tool(effect="read")
async def read_order(order_id: Annotated[str, Target("order")]) -> dict[str, str]:
    """Read an order."""
    return {"order_id": order_id, "state": "paid", "total": "129.90"}


@tool(effect="write", idempotent=True)
async def set_discount(
    order_id: Annotated[str, Target("order")], amount: Annotated[Decimal, Amount("EUR")]
) -> dict[str, str]:
    """Set the discount of an order."""
    return {"order_id": order_id, "discount": f"{amount}"}


WORKFLOW = Workflow(
    name="bench",
    version="1",
    owner="bench@acme.example",
    purpose="Measure the gate",
    tools=[allow(read_order), allow(set_discount, amount=at_most("200.00"))],
    limits=Limits(calls=1_000_000, wall_clock=86_400),
    stop_rules=StopRules(same_call=None),
)


class Stages:
    """Time from each stage's start to the next one's, by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(list)
        self.last: tuple[str, float] | None = None

    def __call__(self, stage: str, call_id: str) -> None:
        now = time.perf_counter()
        self.close(now)
        self.last = (stage, now)

    def close(self, now: float) -> None:
        """End the stage that is under way."""
        if self.last is not None:
            stage, since = self.last
            self.spent[stage].append((now - since) * 1e6)
        self.last = None

    def figures(self) -> dict[str, dict[str, float]]:
        """Microseconds by stage: the median, and what one in a hundred exceeds."""
        return {
            stage: {
                "p50": round(statistics.median(times), 1),
                "p99": round(statistics.quantiles(times, n=100)[98], 1),
            }
            for stage, times in self.spent.items()
        }


def arguments(name: str, number: int) -> dict[str, Any]:
    """Arguments of the `number`th call."""
    read = {"order_id": f"O-{number:06d}"}
    return read if name == "read_order" else {**read, "amount": "12.50"}


class Measured:
    """Figures of one kind of call and of its floor, taken in turn so that both meet the same machine."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.decisions: list[float] = []
        self.floors: list[float] = []
        self.stages = Stages()
        self.policy_input = b""

    @property
    def floor(self) -> float:
        """Median microseconds of one bare decision and the bare commits of one call, one after the other."""
        return statistics.median(self.floors)


async def one_at_a_time(folder: Path, name: str, calls: int) -> Measured:
    """Calls one after another; after each run of them as many with an observer, which costs something itself, and as
    many bare decisions and commits.
    """
    figures = Measured()
    stages = figures.stages
    database, observed_database = f"sqlite:///{folder}/{name}.db", f"sqlite:///{folder}/{name}-observed.db"
    engine: Any = load()
    instance = PolicyInstance(engine._decision._policy)
    bare = BareDatabase(folder / f"{name}-bare.db")

    async def one_run(runtime: Runtime, latencies: list[float]) -> str:
        async with runtime.session("bench", PRINCIPAL) as run:
            for number in range(CALLS_PER_RUN):
                begun = time.perf_counter()
                outcome = await run.call(name, arguments(name, number), reason="the customer asked for it")
                ended = time.perf_counter()
                stages.close(ended)
                assert isinstance(outcome, Executed), outcome
                latencies.append((ended - begun) * 1e6)
        return run.id

    async with (
        Runtime(database, workflows=[WORKFLOW]) as runtime,
        Runtime(observed_database, workflows=[WORKFLOW], observer=stages) as observed,
    ):
        commits, figures.policy_input = rows_of(folder, name, await one_run(runtime, []))
        for _ in range(max(calls // CALLS_PER_RUN, 2)):
            await one_run(runtime, figures.calls)
            await one_run(observed, [])
            for _ in range(CALLS_PER_RUN):
                decision = microseconds(lambda: orjson.loads(instance.evaluate(figures.policy_input)))
                figures.decisions.append(decision)
                figures.floors.append(decision + microseconds(lambda: bare.write(commits)))
    bare.close()
    return figures


async def at_once(folder: Path, runs: int, calls: int) -> float:
    """Calls with an effect per second, `runs` runs side by side in one process."""
    database = f"sqlite:///{folder}/at-once-{runs}.db"

    async def work(runtime: Runtime) -> None:
        async with runtime.session("bench", PRINCIPAL) as run:
            for number in range(calls):
                outcome = await run.call(
                    "set_discount", arguments("set_discount", number), reason="asked for"
                )
                assert isinstance(outcome, Executed), outcome

    async with Runtime(database, workflows=[WORKFLOW]) as runtime:
        await work(runtime)
        begun = time.perf_counter()
        await asyncio.gather(*(work(runtime) for _ in range(runs)))
        return runs * calls / (time.perf_counter() - begun)


def rows_of(folder: Path, name: str, run_id: str) -> tuple[list[list[tuple[Any, ...]]], bytes]:
    """What one call wrote, commit by commit, and the policy input it was decided on."""
    connection = sqlite3.connect(folder / f"{name}.db")
    ends = {"call.executed", "call.permitted"}
    commits: list[list[tuple[Any, ...]]] = [[]]
    policy_input = b""
    call_id = f"c{CALLS_PER_RUN // 2}"
    for id, seq, record, digest in connection.execute(
        "SELECT id, seq, record, hash FROM events WHERE stream = ? ORDER BY seq", (run_id,)
    ):
        event = orjson.loads(record)
        if event["body"].get("call_id") != call_id:
            continue
        commits[-1].append(("events", run_id, seq, record, digest))
        for payload, salt, content in connection.execute(
            "SELECT name, salt, content FROM payloads WHERE id / 16 = ?", (id,)
        ):
            commits[-1].append(("payloads", run_id, seq, payload, salt, content))
            if payload == "policy_input":
                policy_input = bytes(content)
        if event["type"] in ends:
            commits.append([])
    connection.close()
    return [commit for commit in commits if commit], policy_input


class BareDatabase:
    """Plain `sqlite3` in WAL mode with synchronous=FULL, and tables without indexes, triggers or types."""

    INSERT: ClassVar = {
        "events": "INSERT INTO events VALUES (?, ?, ?, ?)",
        "payloads": "INSERT INTO payloads VALUES (?, ?, ?, ?, ?)",
    }

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE events(stream, seq, record, hash)")
        self._connection.execute("CREATE TABLE payloads(stream, seq, name, salt, content)")

    def write(self, commits: list[list[tuple[Any, ...]]]) -> None:
        """Each list of rows in a commit of its own."""
        for commit in commits:
            self._connection.execute("BEGIN IMMEDIATE")
            for table, *values in commit:
                self._connection.execute(self.INSERT[table], values)
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def microseconds(work: Callable[[], Any]) -> float:
    """How long one call of `work` takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e6


def import_seconds() -> float:
    """Median seconds that `import licet` and its Runtime add to a bare interpreter."""

    def run(code: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - begun

    rounds = [(run("from licet import Runtime, Workflow, tool"), run("pass")) for _ in range(5)]
    return statistics.median(full - bare for full, bare in rounds)


def measure(calls: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        read = asyncio.run(one_at_a_time(folder, "read_order", calls))
        effect = asyncio.run(one_at_a_time(folder, "set_discount", calls))
        together = asyncio.run(at_once(folder, 100, max(calls // 50, 5)))
    read_p50, effect_p50 = statistics.median(read.calls), statistics.median(effect.calls)
    return {
        "decision_us": round(statistics.median(effect.decisions), 1),
        "policy_input_bytes": len(effect.policy_input),
        "read_p50_us": round(read_p50, 1),
        "read_p99_us": round(statistics.quantiles(read.calls, n=100)[98], 1),
        "effect_p50_us": round(effect_p50, 1),
        "effect_p99_us": round(statistics.quantiles(effect.calls, n=100)[98], 1),
        "floor_read_us": round(read.floor, 1),
        "floor_effect_us": round(effect.floor, 1),
        "ratio_read": round(read_p50 / read.floor, 2),
        "ratio_effect": round(effect_p50 / effect.floor, 2),
        "effect_calls_per_s_1": round(1e6 / statistics.fmean(effect.calls)),
        "effect_calls_per_s_100": round(together),
        "import_s": round(import_seconds(), 3),
        "stages": {"read": read.stages.figures(), "effect": effect.stages.figures()},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--calls", type=int, default=2000, help="calls of each kind, one at a time")
    chosen = parser.parse_args()
    figures = measure(chosen.calls)
    if chosen.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
