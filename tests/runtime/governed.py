"""A small governed world for tests: tools whose effects are lines in a file outside Licet, and a runtime over them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from licet import (
    Amount,
    Injected,
    Limits,
    NotExecuted,
    Priced,
    Principal,
    Runtime,
    Target,
    ToolContext,
    Workflow,
    allow,
    at_most,
    tool,
)

ALICE = Principal(subject="user-alice", tenant="acme", roles=frozenset({"support"}))


class Ledger:
    """Counts real effects: one line each, on the disk before the effect is said to have happened."""

    def __init__(self, path: Path, between: Callable[[str], None] = lambda where: None) -> None:
        self.path = path
        self.between = between

    def write(self, line: str) -> None:
        self.between("before-effect")
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.between("after-effect")

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


@tool(effect="read")
async def read_order(order_id: Annotated[str, Target("order")]) -> dict[str, str]:
    """Read an order."""
    return {"order_id": order_id, "state": "paid"}


def describe(order_id: str, amount: Decimal) -> str:
    return f"pay back {amount} EUR of order {order_id}"


@tool(effect="irreversible", preview=describe, timeout=5.0)
async def refund(
    order_id: Annotated[str, Target("order")],
    amount: Annotated[Decimal, Amount("EUR")],
    ledger: Annotated[Ledger, Injected],
) -> dict[str, str]:
    """Pay back part of an order."""
    if order_id == "closed":
        raise NotExecuted("the order is closed")
    if order_id == "breaks":
        raise RuntimeError("secret-token-4711")
    ledger.write(f"refund {order_id} {amount}")
    if order_id == "breaks-after":
        raise RuntimeError("the line went dead")
    return {"paid": f"{amount}"}


@tool(effect="write", idempotent=True, timeout=5.0)
async def note(text: str, context: ToolContext, ledger: Annotated[Ledger, Injected]) -> str:
    """Leave a note on the ticket."""
    key = f"note {context.idempotency_key}"
    if key not in ledger.lines():
        ledger.write(key)
    return "noted"


@tool(effect="write", timeout=5.0)
async def mark(text: str, ledger: Annotated[Ledger, Injected]) -> str:
    """Mark the ticket; doing it twice marks it twice."""
    ledger.write(f"mark {text}")
    return "marked"


def desk(**changes: Any) -> Workflow:
    """The workflow of these tests. Refunds up to 50 pass without a person, up to 200 with one."""
    fields: dict[str, Any] = {
        "name": "desk",
        "version": "1",
        "owner": "payments@acme.example",
        "purpose": "Answer refund requests",
        "tools": [
            allow(read_order),
            allow(refund, amount=at_most("200.00"), unattended={"amount": at_most("50.00")}),
            allow(note),
            allow(mark),
        ],
        "model": "main",
        "prompt": "You work at a refund desk.",
        "limits": Limits(steps=8, calls=8, spend="1.00"),
    }
    return Workflow(**{**fields, **changes})


Step = ModelResponse | Callable[[list[ModelMessage]], ModelResponse]


def calls(*proposals: tuple[str, dict[str, Any]], text: str = "") -> ModelResponse:
    """A model response that proposes these calls."""
    parts: list[Any] = [TextPart(text)] if text else []
    parts += [
        ToolCallPart(name, arguments, tool_call_id=f"{name}-{number}")
        for number, (name, arguments) in enumerate(proposals)
    ]
    return ModelResponse(parts=parts)


def answer(message: str, status: str = "done") -> ModelResponse:
    """A model response that is the final answer."""
    return ModelResponse(parts=[ToolCallPart("final_answer", {"status": status, "message": message})])


def scripted(steps: Sequence[Step], seen: list[list[ModelMessage]] | None = None) -> Priced:
    """A model that gives these responses in turn, by how many it has given: a run resumed elsewhere goes on."""

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if seen is not None:
            seen.append(list(messages))
        step = steps[sum(isinstance(message, ModelResponse) for message in messages)]
        return step(messages) if callable(step) else step

    return Priced(FunctionModel(respond, model_name="scripted"), input="1.00", output="2.00")


def world(folder: Path, **options: Any) -> Runtime:
    """A runtime over `folder`, the same each time it is asked for: one process may follow another."""
    ledger = options.pop("ledger", None) or Ledger(folder / "ledger.txt")
    model = options.pop("model", None) or scripted([answer("nothing to do")])
    options.setdefault("workflows", [desk()])
    return Runtime(f"sqlite:///{folder}/licet.db", models={"main": model}, inject={Ledger: ledger}, **options)
