"""What a decision costs: `python -m benchmarks.policy [--json]`.

Policy sets of 5, 50 and 300 rules over data of 10 KB and 1 MB, asked in this process and of a real OPA server on
loopback, one at a time and 64 at once; each against its bare engine in the same run: one evaluation under wasmtime
on bytes that are ready, and one HTTP POST of such bytes to OPA on a kept-alive connection. Times are medians in
microseconds; `provenance_us` is what `benchmarks.provenance` measures. It needs `opa`, which compiles the rules and is
the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from benchmarks import provenance
from licet.audit.clock import new_id
from licet.policies import OpaServer, opa_program
from licet.policies.inprocess import InProcessEngine
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server
from licet.policies.wasm import PolicyInstance

RULES = (5, 50, 300)
DATA = {"10KB": 10_000, "1MB": 1_000_000}
AT_ONCE = 64

INPUT: dict[str, Any] = {
    "principal": {
        "subject": "user-1042",
        "tenant": "acme",
        "roles": ["support", "refunds"],
        "attributes": {"region": "eu", "team": "desk-4"},
    },
    "agent": {"id": "refund-desk", "model": "main"},
    "workflow": {
        "name": "refund-desk",
        "version": "7",
        "owner": "payments@acme.example",
        "risk": "low",
        "mode": "act",
    },
    "tool": {
        "name": "issue_refund",
        "version": "1",
        "effect": "write",
        "idempotent": True,
        "contract_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "tags": ["payments"],
        "source": "refunds",
    },
    "allowance": {"listed": True, "within": True, "unattended": False},
    "call": {
        "args": {"account": "A-000007", "amount": 129.9},
        "reason": "The customer asks for the money back; the parcel never came.",
        "digest": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "provenance": {
            f"/{name}": {"role": role, "kind": None, "labels": [], "sources": []}
            for name, role in (("account", "target"), ("amount", "amount"))
        },
    },
    "run": {
        "id": "0193f0a0-0000-7000-8000-000000000000",
        "step": 4,
        "counts": {"read_order": {"executed": 3}},
        "calls": [{"tool": "read_order", "effect": "read", "outcome": "executed", "labels": []}] * 3,
        "labels": [],
        "spent": {"usd": 0.02, "tokens": 4100, "calls": 3},
        "remaining": {"usd": 0.48, "tokens": None, "calls": 17},
        "approvals": 0,
    },
    "context": {
        "time": "2026-01-02T03:04:05.000006Z",
        "environment": {"stage": "production"},
        "tenant_data": {},
        "resource": None,
    },
}


def rego(number: int) -> str:
    """So many rules in one package: every other asks for approval by a limit in the data, the rest deny."""
    rules = [
        f"""
approval contains {{
	"rule": "bench.approval_{n}",
	"requires": [{{"group": "finance", "count": 1}}],
	"expires_in": 3600,
	"reason": "above the account's limit",
}} if {{
	input.tool.name in {{"issue_refund", "tool_{n}"}}
	input.call.args.amount > data.accounts[input.call.args.account].limit + {n}
}}
"""
        if n % 2
        else f"""
deny contains {{"rule": "bench.deny_{n}", "message": "not in this region"}} if {{
	input.tool.name == "tool_{n}"
	input.principal.attributes.region != "region-{n}"
}}
"""
        for n in range(number)
    ]
    return "package licet.user.bench\n" + "".join(rules)


def accounts(size: int) -> bytes:
    """About `size` bytes of accounts and their limits."""
    found: dict[str, Any] = {}
    written = 0
    while written < size:
        name = f"A-{len(found):06d}"
        found[name] = {"limit": 500 + len(found) % 400, "owner": f"desk-{len(found) % 40}"}
        written += len(orjson.dumps(found[name])) + len(name) + 4
    return orjson.dumps({"accounts": found})


async def one_at_a_time(ask: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Microseconds of each."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - begun) * 1e6)
    return taken


async def per_second(ask: Callable[[], Awaitable[object]], times: int) -> float:
    """`AT_ONCE` askers, each of which asks again when it is answered."""

    async def work() -> None:
        for _ in range(times):
            await ask()

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return AT_ONCE * times / (time.perf_counter() - begun)


async def compared(
    ask: Callable[[], Awaitable[object]], bare: Callable[[], Awaitable[object]], times: int
) -> dict[str, float]:
    """Figures of an engine and of its bare one, taken in turn so that both meet the same machine."""
    for _ in range(20):
        await ask()
        await bare()
    asked: list[float] = []
    floor: list[float] = []
    for _ in range(20):
        asked += await one_at_a_time(ask, times // 20)
        floor += await one_at_a_time(bare, times // 20)
    decision, ready = statistics.median(asked), statistics.median(floor)
    return {
        "decision_us": round(decision, 1),
        "bare_us": round(ready, 1),
        "ratio_to_bare": round(decision / ready, 2),
        "per_s_64": round(await per_second(ask, max(times // AT_ONCE, 4))),
        "bare_per_s_64": round(await per_second(bare, max(times // AT_ONCE, 4))),
    }


async def in_process(folder: Path, times: int) -> dict[str, float]:
    """The engine in this process."""
    engine = InProcessEngine(policy_set(folder), deadline=5.0)
    instance = PolicyInstance(engine._decision._policy)
    given = orjson.dumps(INPUT)

    async def ask() -> None:
        decision = await engine.decide(given, new_id())
        assert decision.allow and decision.cause is None, decision

    async def bare() -> None:
        instance.evaluate(given)

    return await compared(ask, bare, times)


async def by_opa(folder: Path, times: int) -> dict[str, float]:
    """A server on loopback."""
    given = orjson.dumps(INPUT)
    body = b'{"input":%b}' % given
    with served(folder) as url:
        where = f"{url}/v1/data/licet/decision"
        async with (
            OpaServer(url, policies=folder, ready_within=60, deadline=30) as engine,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session,
        ):

            async def ask() -> None:
                decision = await engine.decide(given, new_id())
                assert decision.allow and decision.cause is None, decision

            async def bare() -> None:
                async with session.post(where, data=body) as answer:
                    await answer.read()

            return await compared(ask, bare, times)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A real OPA that serves the policy set; its address."""
    with tempfile.TemporaryDirectory() as place, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        bundle = Path(place) / "licet.tar.gz"
        bundle.write_bytes(for_server(policy_set(folder)))
        server = subprocess.Popen(
            [str(opa_program.find()), "run", "--server", "--addr", address, "--log-level", "error",
             "--skip-version-check", "--bundle", str(bundle)],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield f"http://{address}"
        finally:
            server.kill()
            server.wait()


async def measure(times: int) -> dict[str, Any]:
    """All figures, by engine, number of rules and size of data."""
    found: dict[str, Any] = {}
    for rules in RULES:
        for size, count in DATA.items():
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                (folder / "bench.rego").write_text(rego(rules))
                (folder / "data.json").write_bytes(accounts(count))
                for engine, take in (("in_process", in_process), ("opa", by_opa)):
                    for key, figure in (await take(folder, times)).items():
                        by_rules = found.setdefault(key, {}).setdefault(engine, {})
                        by_rules.setdefault(str(rules), {})[size] = figure
    return {**found, "provenance_us": provenance.measure()["provenance_us"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--times", type=int, default=1000, help="decisions of each kind, one at a time")
    figures = asyncio.run(measure((chosen := parser.parse_args()).times))
    if chosen.json:
        print(json.dumps(figures))
        return
    print(f"provenance_us  {figures.pop('provenance_us')}")
    for key, engines in figures.items():
        for engine, rules in engines.items():
            for number, sizes in rules.items():
                for size, figure in sizes.items():
                    print(f"{key:14} {engine:11} {number:>4} rules {size:>5}  {Decimal(str(figure))}")


if __name__ == "__main__":
    main()
