"""What the gate costs: `python -m benchmarks.gate [--json]`.

Measured in one run: a read call and a call with an effect, one at a time and with 100 runs at once, and the floor they
stand on, which is one bare evaluation of the same policy bundle on the same input under wasmtime, and one (read) or
two (effect) bare `sqlite3` commits of the same bytes with synchronous=FULL. Times are microseconds.
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
from typing import Annotated, Any

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

    def medians(self) -> dict[str, float]:
        """Median microseconds by stage."""
        return {stage: round(statistics.median(times), 1) for stage, times in self.spent.items()}


def arguments(name: str, number: int) -> dict[str, Any]:
    """Arguments of the `number`th call."""
    read = {"order_id": f"O-{number:06d}"}
    return read if name == "read_order" else {**read, "amount": "12.50"}


async def one_at_a_time(folder: Path, name: str, calls: int) -> tuple[list[float], dict[str, float], str]:
    """Latencies of `calls` calls, medians by stage, and a run that was made."""
    stages = Stages()
    latencies: list[float] = []
    database = f"sqlite:///{folder}/{name}.db"
    async with Runtime(database, workflows=[WORKFLOW], observer=stages) as runtime:
        run_id = ""
        for _ in range(max(calls // CALLS_PER_RUN, 2)):
            async with runtime.session("bench", PRINCIPAL) as run:
                run_id = run.id
                for number in range(CALLS_PER_RUN):
                    begun = time.perf_counter()
                    outcome = await run.call(name, arguments(name, number), reason="the customer asked for it")
                    ended = time.perf_counter()
                    stages.close(ended)
                    assert isinstance(outcome, Executed), outcome
                    latencies.append((ended - begun) * 1e6)
    return latencies[CALLS_PER_RUN:], stages.medians(), run_id


async def at_once(folder: Path, runs: int, calls: int) -> float:
    """Calls with an effect per second, `runs` runs side by side in one process."""
    database = f"sqlite:///{folder}/at-once-{runs}.db"

    async def work(runtime: Runtime) -> None:
        async with runtime.session("bench", PRINCIPAL) as run:
            for number in range(calls):
                outcome = await run.call("set_discount", arguments("set_discount", number), reason="asked for")
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
    for seq, record, digest in connection.execute(
        "SELECT seq, record, hash FROM events WHERE stream = ? ORDER BY seq", (run_id,)
    ):
        event = orjson.loads(record)
        if event["body"].get("call_id") != call_id:
            continue
        commits[-1].append(("events", run_id, seq, record, digest))
        for payload, salt, content in connection.execute(
            "SELECT name, salt, content FROM payloads WHERE stream = ? AND seq = ?", (run_id, seq)
        ):
            commits[-1].append(("payloads", run_id, seq, payload, salt, content))
            if payload == "policy_input":
                policy_input = bytes(content)
        if event["type"] in ends:
            commits.append([])
    connection.close()
    return [commit for commit in commits if commit], policy_input


def bare_commits(folder: Path, commits: list[list[tuple[Any, ...]]], rounds: int) -> float:
    """Median microseconds to write the same bytes with plain `sqlite3`, all commits of one call."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS events(stream, seq, record, hash)")
    connection.execute("CREATE TABLE IF NOT EXISTS payloads(stream, seq, name, salt, content)")
    insert = {
        "events": "INSERT INTO events VALUES (?, ?, ?, ?)",
        "payloads": "INSERT INTO payloads VALUES (?, ?, ?, ?, ?)",
    }

    def write() -> None:
        for commit in commits:
            connection.execute("BEGIN IMMEDIATE")
            for table, *values in commit:
                connection.execute(insert[table], values)
            connection.execute("COMMIT")

    spent = median_us(write, rounds)
    connection.close()
    return spent


def median_us(work: Callable[[], Any], rounds: int) -> float:
    """Median microseconds of one round."""
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1e6)
    return statistics.median(times)


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
        reads, read_stages, read_run = asyncio.run(one_at_a_time(folder, "read_order", calls))
        effects, effect_stages, effect_run = asyncio.run(one_at_a_time(folder, "set_discount", calls))
        read_rows, _ = rows_of(folder, "read_order", read_run)
        effect_rows, policy_input = rows_of(folder, "set_discount", effect_run)
        engine: Any = load()
        instance = PolicyInstance(engine._policy)
        decision = median_us(lambda: orjson.loads(instance.evaluate(policy_input)), 2000)
        floor_read = decision + bare_commits(folder, read_rows, calls // 2)
        floor_effect = decision + bare_commits(folder, effect_rows, calls // 2)
        together = asyncio.run(at_once(folder, 100, max(calls // 50, 5)))
    read_p50, effect_p50 = statistics.median(reads), statistics.median(effects)
    return {
        "decision_us": round(decision, 1),
        "policy_input_bytes": len(policy_input),
        "read_p50_us": round(read_p50, 1),
        "read_p99_us": round(statistics.quantiles(reads, n=100)[98], 1),
        "effect_p50_us": round(effect_p50, 1),
        "effect_p99_us": round(statistics.quantiles(effects, n=100)[98], 1),
        "floor_read_us": round(floor_read, 1),
        "floor_effect_us": round(floor_effect, 1),
        "ratio_read": round(read_p50 / floor_read, 2),
        "ratio_effect": round(effect_p50 / floor_effect, 2),
        "effect_calls_per_s_1": round(1e6 / statistics.fmean(effects)),
        "effect_calls_per_s_100": round(together),
        "import_s": round(import_seconds(), 3),
        "stages": {"read": read_stages, "effect": effect_stages},
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
