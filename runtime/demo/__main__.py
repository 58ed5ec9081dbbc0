"""`python -m licet.runtime.demo [--model provider:name]`, and the process that works one ticket and exits."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from licet.runtime.demo import main


def _run() -> int:
    parser = argparse.ArgumentParser(prog="python -m licet.runtime.demo", description="Show Licet at work.")
    parser.add_argument("--model", help="a real model, provider:name, in place of the scripted one")
    commands = parser.add_subparsers(dest="command")
    worker = commands.add_parser("work", help="work one ticket in the demo's shop, and exit")
    worker.add_argument("ticket")
    given = parser.parse_args()
    if given.command == "work":
        return asyncio.run(_work(given.ticket))
    return main(given.model)


async def _work(ticket_id: str) -> int:
    import orjson

    from licet.runtime.demo import desk
    from licet.runtime.demo.home import Home
    from licet.runtime.demo.shop import Shop
    from licet.runtime.outcomes import Suspended

    given, principal = desk.ticket_input(ticket_id, Shop(Home.here().shop))
    async with desk.open_desk() as runtime:
        result = await runtime.run("refund-desk", given, principal)
    told = {
        "pid": os.getpid(),
        "run": result.run_id,
        "result": type(result).__name__,
        "approvals": result.approvals if isinstance(result, Suspended) else (),
    }
    sys.stdout.write(orjson.dumps(told).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_run())
