"""What provenance costs: `python -m benchmarks.provenance [--json]`.

A run reads 5 KB of mails 200 times, 1 MB in all, and after each proposes a mail of 100 words. Measured is all that
provenance adds to a call: reading in the result before it, and labelling the call's values. Times are microseconds.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import string
import time
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel

from licet import Amount, Content, Key, Label, Sensitive, Target, Trust, Workflow, allow, tool, tool_of
from licet.runtime.provenance import Provenance
from licet.runtime.state import CallState, RunState

CALLS = 200
BYTES_PER_RESULT = 5_000


class Mail(BaseModel):
    """A mail as its server gives it."""

    id: Annotated[str, Key("mail")]
    sender: str
    subject: Annotated[str, Label("subject"), Trust("external")]
    body: Annotated[str, Trust("external"), Sensitive]
    amount: float


@tool(effect="read")
def search(words: Annotated[str, Target("query")]) -> Annotated[list[Mail], Trust("system")]:
    """Search mails."""
    return []


@tool(effect="irreversible")
def send(
    to: Annotated[str, Target("email")],
    body: Annotated[str, Content],
    amount: Annotated[Decimal, Amount("EUR")],
) -> None:
    """Send a mail with an invoice."""


TOOLS = {"search": tool_of(search), "send": tool_of(send)}
WORKFLOW = Workflow(
    name="mail",
    version="1",
    owner="bench@acme.example",
    purpose="Measure provenance",
    tools=[allow(search), allow(send)],
    previews="none",
)


def mails(some: random.Random, words: list[str]) -> bytes:
    """A result of about 5 KB."""
    found: list[dict[str, Any]] = []
    while len(orjson.dumps(found)) < BYTES_PER_RESULT:
        found.append(
            {
                "id": str(some.randint(0, 10**6)),
                "sender": f"{some.choice(words)}@mail.example",
                "subject": " ".join(some.choices(words, k=4)),
                "body": " ".join(some.choices(words, k=60)),
                "amount": round(some.random() * 100, 2),
            }
        )
    return orjson.dumps(found)


def measure() -> dict[str, float]:
    """Play the run once."""
    some = random.Random(4711)
    words = ["".join(some.choices(string.ascii_lowercase, k=some.randint(2, 9))) for _ in range(20_000)]
    state = RunState(run_id="r", tenant="acme")
    state.input = orjson.dumps("Send 12.50 to bob@mail.example on 2024-05-05: " + " ".join(words[:100]))
    run = Provenance(state, WORKFLOW, TOOLS)
    times, idle = [], []
    for number in range(CALLS):
        call_id = f"c{number}"
        state.calls[call_id] = CallState(
            call_id, "search", b'{"words":"x"}', "", effect="read", result=mails(some, words)
        )
        state.ended.append((call_id, "executed"))
        state.recent.append({"tool": "search", "effect": "read", "outcome": "executed", "labels": []})
        del state.recent[:-50]
        body = " ".join(some.choices(words, k=100))
        arguments = TOOLS["send"].parse({"to": "bob@mail.example", "body": body, "amount": "12.5"})
        for taken in (times, idle):
            begun = time.perf_counter()
            run.of(TOOLS["send"], arguments)
            taken.append((time.perf_counter() - begun) * 1e6)
    return {
        "provenance_us": round(statistics.mean(times), 1),
        "first_50_us": round(statistics.mean(times[:50]), 1),
        "last_50_us": round(statistics.mean(times[-50:]), 1),
        "nothing_new_us": round(statistics.mean(idle), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provenance", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    figures = measure()
    if parser.parse_args().json:
        print(json.dumps(figures, indent=2))
        return
    for key, figure in figures.items():
        print(f"{key:<16}{figure:>10}")


if __name__ == "__main__":
    main()
