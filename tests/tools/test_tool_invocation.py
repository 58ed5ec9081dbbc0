"""Calling a tool: off the event loop where it must be, within its time, with injected things closed after."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from licet.tools import (
    HookFailed,
    HookTimeout,
    Injected,
    Injector,
    MissingProvider,
    NotExecuted,
    NotStarted,
    Principal,
    Refused,
    Tool,
    ToolContext,
    ToolError,
    ToolTimeout,
    declare,
)

CONTEXT = ToolContext(Principal("alice"), "refund-desk", "1", "run-1", "call-1", "because")


class Shop:
    """What is injected: it knows whether it is open."""

    def __init__(self) -> None:
        self.open = True
        self.seen: list[str] = []


class Client:
    """What is injected and could be closed."""

    closed = False

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True


class StoppedClock:
    """A clock that stands where it is put."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


async def invoke(
    function: Any, inject: dict[Any, Any] | None = None, raw: str = "{}", **settings: Any
) -> Any:
    it = declare(function, effect="write", **settings)
    return await it.invoke(it.parse(raw), CONTEXT, Injector(inject))


async def test_a_sync_function_runs_in_a_thread_and_keeps_context_variables() -> None:
    variable: ContextVar[str] = ContextVar("variable")
    variable.set("here")

    def where() -> list[str]:
        return [threading.current_thread().name, variable.get()]

    name, value = await invoke(where)
    assert name != threading.current_thread().name
    assert value == "here"


async def test_an_async_function_runs_on_the_loop() -> None:
    async def where() -> str:
        return threading.current_thread().name

    assert await invoke(where) == threading.current_thread().name


async def test_arguments_context_and_injected_values_are_given() -> None:
    async def read(n: int, context: ToolContext, shop: Annotated[Shop, Injected]) -> str:
        shop.seen.append(context.principal.subject)
        return f"{n} {context.call_id}"

    shop = Shop()
    assert await invoke(read, {Shop: shop}, '{"n":3}') == "3 call-1"
    assert shop.seen == ["alice"]


async def test_what_the_function_raises_is_raised_as_it_is() -> None:
    async def fails() -> None:
        raise NotExecuted("the shop is closed")

    def times_out() -> None:
        raise TimeoutError("its own")

    with pytest.raises(NotExecuted, match="the shop is closed"):
        await invoke(fails)
    with pytest.raises(TimeoutError, match="its own"):
        await invoke(times_out)


async def test_a_late_async_function_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(ToolTimeout) as caught:
        await invoke(waits, timeout=0.01)
    assert caught.value.started
    assert cancelled.is_set()


async def test_a_late_sync_function_is_abandoned_and_runs_on() -> None:
    go_on, finished = threading.Event(), threading.Event()

    def waits() -> None:
        go_on.wait(10)
        finished.set()

    with pytest.raises(ToolTimeout) as caught:
        await invoke(waits, timeout=0.05)
    assert caught.value.started
    go_on.set()
    assert await asyncio.to_thread(finished.wait, 10)


async def test_a_late_provider_means_that_the_function_was_not_started() -> None:
    async def never() -> Shop:
        await asyncio.Event().wait()
        return Shop()

    def read(shop: Annotated[Shop, Injected]) -> None:
        raise AssertionError("was started")

    with pytest.raises(ToolTimeout) as caught:
        await invoke(read, {Shop: never}, timeout=0.01)
    assert not caught.value.started


async def test_a_call_is_not_started_after_its_deadline() -> None:
    started: list[int] = []

    async def read() -> None:
        started.append(1)

    it = declare(read, effect="write")
    deadline = datetime(2026, 1, 1, tzinfo=UTC)
    context = ToolContext(Principal("a"), "w", "1", "r", "c", "", deadline=deadline)
    with pytest.raises(ToolTimeout) as caught:
        await it.invoke(it.parse("{}"), context, Injector(), clock=StoppedClock(deadline))
    assert not caught.value.started
    assert not started
    await it.invoke(it.parse("{}"), context, Injector(), clock=StoppedClock(deadline - timedelta(seconds=9)))
    assert started == [1]


async def test_cancelling_the_caller_cancels_the_call() -> None:
    begun = asyncio.Event()

    async def waits(shop: Annotated[Shop, Injected]) -> None:
        begun.set()
        await asyncio.Event().wait()

    shop = Shop()

    @asynccontextmanager
    async def open_shop() -> AsyncIterator[Shop]:
        try:
            yield shop
        finally:
            shop.open = False

    task = asyncio.create_task(invoke(waits, {Shop: open_shop}))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not shop.open


async def test_what_happens_while_it_waits_reaches_the_function_where_it_waits() -> None:
    steps: list[object] = []

    async def works() -> str:
        steps.append(await asyncio.sleep(0, "sent"))
        try:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()
        except TimeoutError:
            steps.append("its own timeout")
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                await asyncio.sleep(0)
                raise LookupError
        except* LookupError:
            steps.append("its own group")
        try:
            await asyncio.get_running_loop().run_in_executor(None, int, "x")
        except ValueError:
            steps.append("what it waited for failed")
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            task.uncancel()
            steps.append("cancelled, and goes on")
        await asyncio.sleep(0)
        return "done"

    assert await invoke(works) == "done"
    assert steps == [
        "sent",
        "its own timeout",
        "its own group",
        "what it waited for failed",
        "cancelled, and goes on",
    ]


async def test_one_that_never_waits_is_never_late() -> None:
    async def slow() -> str:
        while asyncio.get_running_loop().time() < end:
            pass
        return "done"

    end = asyncio.get_running_loop().time() + 0.02
    assert await invoke(slow, timeout=0.001) == "done"


async def test_time_in_which_it_held_the_loop_up_counts() -> None:
    async def slow() -> None:
        while asyncio.get_running_loop().time() < end:
            pass
        await asyncio.Event().wait()

    end = asyncio.get_running_loop().time() + 0.02
    with pytest.raises(ToolTimeout) as caught:
        await invoke(slow, timeout=0.01)
    assert caught.value.started


async def test_what_a_late_function_held_is_let_go_of_without_the_collector() -> None:
    held: list[weakref.ref[Shop]] = []

    async def waits() -> None:
        shop = Shop()
        held.append(weakref.ref(shop))
        await asyncio.Event().wait()

    gc.disable()
    try:
        with pytest.raises(ToolTimeout):
            await invoke(waits, timeout=0.001)
        await asyncio.sleep(0)  # the task's own last exception
        assert held[0]() is None
    finally:
        gc.enable()


async def test_a_call_that_is_thrown_away_closes_the_function() -> None:
    closed: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("closed")

    it = declare(waits, effect="read")
    call = it.invoke(it.parse("{}"), ToolContext(Principal("a"), "w", "1", "r", "c", ""), Injector())
    call.send(None)
    call.close()
    assert closed == ["closed"]


# Providers


def provider_cases() -> list[Any]:
    shop = Shop()

    async def awaited() -> Shop:
        return shop

    @contextmanager
    def managed() -> Iterator[Shop]:
        yield shop

    @asynccontextmanager
    async def managed_async(context: ToolContext) -> AsyncIterator[Shop]:
        assert context is CONTEXT
        yield shop

    return [shop, lambda: shop, lambda context: shop, awaited, managed, managed_async]


@pytest.mark.parametrize("provider", provider_cases())
async def test_every_kind_of_provider_gives_its_value(provider: Any) -> None:
    def read(shop: Annotated[Shop, Injected]) -> bool:
        return type(shop) is Shop and shop.open

    assert await invoke(read, {Shop: provider}) is True


@pytest.mark.parametrize("fails", [False, True])
async def test_a_managed_value_is_closed_after_the_call(fails: bool) -> None:
    shop = Shop()

    @contextmanager
    def open_shop() -> Iterator[Shop]:
        try:
            yield shop
        finally:
            shop.open = False

    async def read(shop: Annotated[Shop, Injected]) -> bool:
        if fails:
            raise ValueError("failed")
        return shop.open

    if fails:
        with pytest.raises(ValueError, match="failed"):
            await invoke(read, {Shop: open_shop})
    else:
        assert await invoke(read, {Shop: open_shop}) is True
    assert not shop.open


async def test_a_provider_that_swallows_the_failure_makes_no_result_of_it() -> None:
    @contextmanager
    def swallow() -> Iterator[Shop]:
        try:
            yield Shop()
        except ValueError:
            return

    async def read(shop: Annotated[Shop, Injected]) -> None:
        raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        await invoke(read, {Shop: swallow})


async def test_a_value_of_the_type_is_not_closed_though_it_could_be() -> None:
    async def read(client: Annotated[Client, Injected]) -> bool:
        return client.closed

    client = Client()
    for provider in (client, lambda: client):
        assert await invoke(read, {Client: provider}) is False
    assert not client.closed


async def test_a_missing_provider_is_found_before_and_refused_when_called() -> None:
    def read(shop: Annotated[Shop, Injected]) -> None:
        raise AssertionError("was started")

    def price(shop: Annotated[Shop, Injected], other: Annotated[StoppedClock, Injected]) -> Decimal:
        return Decimal(0)

    it = declare(read, effect="read", price=price)
    assert Injector().missing(it.injected_types) == [Shop, StoppedClock]
    with pytest.raises(MissingProvider, match="nothing provides Shop"):
        await it.invoke(it.parse("{}"), CONTEXT, Injector())


def test_wrong_providers_are_refused() -> None:
    def yields() -> Iterator[Shop]:
        yield Shop()

    for provider, words in (
        (yields, "@contextmanager"),
        (7, "neither an instance"),
        (lambda one, two: Shop(), "takes more than a ToolContext"),
    ):
        with pytest.raises(ToolError, match=words):
            Injector({Shop: provider})


# Hooks


def pay(to: str, amount: Decimal, context: ToolContext) -> str:
    """Pay."""
    return to


def with_hooks(**hooks: Any) -> Tool:
    return declare(pay, effect="irreversible", **hooks)


async def ask(it: Tool, name: str, injector: Injector | None = None) -> Any:
    arguments = it.parse('{"to": "bob", "amount": 1234567890123456.789}')
    return await getattr(it.hooks, name)(arguments, CONTEXT, injector or Injector())


async def test_a_hook_gets_what_its_parameters_name() -> None:
    async def preview(amount: Decimal, context: ToolContext, shop: Annotated[Shop, Injected]) -> str:
        return f"{context.principal.subject} pays {amount} {shop.open}"

    assert await ask(with_hooks(preview=preview), "preview", Injector({Shop: Shop})) == (
        "alice pays 1234567890123456.789 True"
    )


class Item(BaseModel):
    """A line of an order; its quantity can be changed in place."""

    sku: str
    quantity: int


async def test_what_hooks_do_to_their_values_reaches_no_other_hook_and_not_the_function() -> None:
    as_proposed = [("b", 5), ("a", 1)]
    seen: dict[str, list[tuple[str, int]]] = {}

    def spoil(who: str, items: list[Item], marks: dict[str, list[str]]) -> None:
        seen[who] = [(item.sku, item.quantity) for item in items]
        assert marks == {"gift": ["red"]}
        items[0].quantity = 500
        items.pop()
        marks["gift"].append("blue")

    def authorize(items: list[Item], marks: dict[str, list[str]]) -> bool:
        spoil("authorize", items, marks)
        return True

    def preview(items: list[Item], marks: dict[str, list[str]]) -> str:
        spoil("preview", items, marks)
        return "spoiled"

    async def price(items: list[Item], marks: dict[str, list[str]]) -> Decimal:
        spoil("price", items, marks)
        return Decimal(1)

    async def order(items: list[Item], marks: dict[str, list[str]]) -> None:
        spoil("function", items, marks)

    hooks = {"authorize": authorize, "preview": preview, "price": price}
    it = declare(order, effect="irreversible", **hooks)
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in as_proposed]
    arguments = it.parse({"items": lines, "marks": {"gift": ["red"]}})
    judged = (arguments.canonical, it.parse(arguments.canonical).values)
    for _ in range(2):
        for name in hooks:
            await getattr(it.hooks, name)(arguments, CONTEXT, Injector())
        await it.invoke(arguments, CONTEXT, Injector())
    assert seen == dict.fromkeys((*hooks, "function"), as_proposed)
    assert (arguments.canonical, arguments.values) == judged


async def test_what_a_hook_does_to_the_principal_reaches_nobody() -> None:
    def authorize(context: ToolContext, shop: Annotated[Shop, Injected]) -> bool:
        limits: Any = context.principal.attributes["limits"]
        limits.append(1_000_000)
        return True

    def provide(context: ToolContext) -> Shop:
        limits: Any = context.principal.attributes["limits"]
        limits.clear()
        return Shop()

    principal = Principal("alice", attributes={"limits": [50]})
    context = ToolContext(principal, "refund-desk", "1", "run-1", "call-1", "because")
    it = with_hooks(authorize=authorize)
    arguments = it.parse('{"to": "bob", "amount": 1}')
    assert it.hooks.authorize is not None
    assert await it.hooks.authorize(arguments, context, Injector({Shop: provide}))
    assert principal.attributes == {"limits": [50]}


class Unique(BaseModel):
    """A value that does not let itself be copied."""

    name: str

    def __deepcopy__(self, memo: Any) -> Unique:
        raise RuntimeError(self.name)


async def test_a_value_that_cannot_be_copied_starts_nothing() -> None:
    started = []

    def use(value: Unique) -> None:
        started.append(value)

    def preview(value: Unique) -> str:
        started.append(value)
        return "so"

    it = declare(use, effect="write", preview=preview)
    arguments = it.parse('{"value": {"name": "hunter2"}}')
    assert it.hooks.preview is not None
    with pytest.raises(HookFailed, match="RuntimeError") as refused:
        await it.hooks.preview(arguments, CONTEXT, Injector())
    with pytest.raises(NotStarted, match="RuntimeError") as caught:
        await it.invoke(arguments, CONTEXT, Injector())
    assert "hunter2" not in f"{refused.value} {caught.value}"
    assert started == []


async def test_a_tool_without_hooks_has_none() -> None:
    hooks = with_hooks().hooks
    assert {hooks.price, hooks.preview, hooks.authorize, hooks.resource, hooks.check_outcome} == {None}


async def test_answers_come_in_the_form_that_is_promised() -> None:
    it = with_hooks(
        price="0.01",
        preview=lambda amount: {"pays": amount},
        authorize=lambda to: to == "bob",
        resource=lambda amount: {"amount": amount, "tags": ["a"]},
        check_outcome=lambda: None,
    )
    assert await ask(it, "price") == Decimal("0.01")
    assert await ask(it, "preview") == {"pays": "1234567890123456.789"}
    assert await ask(it, "authorize") is True
    assert await ask(it, "resource") == {"amount": Decimal("1234567890123456.789"), "tags": ["a"]}
    assert await ask(it, "check_outcome") is None


async def test_a_refusal_may_say_why() -> None:
    assert isinstance(await ask(with_hooks(authorize=lambda: False), "authorize"), Refused)
    refusal = Refused("not your order", visible=True)
    assert await ask(with_hooks(authorize=lambda: refusal), "authorize") == refusal


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("authorize", 1),
        ("authorize", None),
        ("authorize", "yes"),
        ("price", 0.01),
        ("price", Decimal("NaN")),
        ("price", Decimal(-1)),
        ("price", None),
        ("price", True),
        ("preview", 7),
        ("preview", {"a": object()}),
        ("preview", "\ud800"),
        ("preview", "x" * 100_001),
        ("resource", None),
        ("resource", {"a": float("nan")}),
        ("resource", {"a": "\ud800"}),
        ("check_outcome", "done"),
    ],
)
async def test_nonsense_is_a_failure_and_no_answer(name: str, answer: Any) -> None:
    with pytest.raises(HookFailed, match=f"the {name} hook of .*pay "):
        await ask(with_hooks(**{name: lambda: answer}), name)


async def test_a_hook_that_raises_fails_without_its_words() -> None:
    def authorize() -> bool:
        raise ValueError("hunter2")

    with pytest.raises(HookFailed, match="raised ValueError") as caught:
        await ask(with_hooks(authorize=authorize), "authorize")
    assert "hunter2" not in str(caught.value)


async def test_a_late_hook_times_out() -> None:
    async def authorize() -> bool:
        await asyncio.Event().wait()
        return True

    it = with_hooks(authorize=authorize)
    assert it.hooks.authorize is not None
    with pytest.raises(HookTimeout, match="did not answer within"):
        await it.hooks.authorize(it.parse('{"to":"a","amount":1}'), CONTEXT, Injector(), seconds=0.01)


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (lambda nope: True, r"parameter nope is no argument of the tool \(to, amount\)"),
        (lambda *to: True, "takes what no schema can say"),
        (lambda to, extra=1: True, "parameter extra is no argument"),
    ],
)
def test_a_hook_whose_parameters_do_not_match_is_refused(hook: Any, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        with_hooks(authorize=hook)
