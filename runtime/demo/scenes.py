"""The demo's scenes. Each shows one thing, and checks that it ended as it should."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from licet.approvals import ApprovalQueue, LocalDirectory, ReviewSigner
from licet.audit.events import CallPermitted
from licet.audit.explain import explain as tell
from licet.audit.journal import Journal
from licet.audit.story import RunStory
from licet.runtime.demo import commands, desk
from licet.runtime.demo.home import Home, url
from licet.runtime.demo.outbox import Outbox
from licet.runtime.demo.screen import Screen
from licet.runtime.demo.seed import COLLECTOR, STRANGERS_ORDER
from licet.runtime.demo.shop import AlreadyRefunded, Shop
from licet.runtime.demo.tamper import change_amount, copy_journal
from licet.runtime.outcomes import Answered, RunResult, Stopped

STORY_LINES = 50
"""Lines of a run's story that are shown; the command shows all."""


class NotAsItShould(Exception):
    """A scene did not end as it should."""


@dataclass
class Stage:
    """What the scenes share.

    Attributes:
        model: a real model's name; None is the scripted clerk.
        asked: the run of scene 2, which a person approved.
    """

    home: Home
    screen: Screen
    model: str | None
    shop: Shop
    outbox: Outbox
    asked: str | None = None
    failed: list[str] = field(default_factory=list)

    def story(self, run_id: str) -> RunStory:
        """A run as the journal tells it."""
        with closing(Journal.open(self.home.database)) as journal:
            return tell(journal, run_id)

    def show_ticket(self, ticket_id: str) -> None:
        """What the customer wrote."""
        ticket = self.shop.ticket(ticket_id)
        if ticket is not None:
            self.screen.quote(f"Ticket {ticket_id}", ticket.text)

    async def work(self, ticket_id: str, *, scripted: bool = False) -> RunResult:
        """Let the agent work a ticket in this process, and show what it did."""
        given, principal = desk.ticket_input(ticket_id, self.shop)
        async with desk.open_desk(scripted=scripted) as runtime:
            result = await runtime.run("refund-desk", given, principal)
        self.screen.trace(self.story(result.run_id))
        return result


async def inside_the_limit(stage: Stage) -> str:
    """A refund that the workflow's owner lets pass without a person."""
    stage.show_ticket("T-501")
    result = await stage.work("T-501")
    refunds = [refund for refund in stage.shop.refunds() if refund.order_id == "O-20101"]
    _expect(isinstance(result, Answered), f"the run did not come to an answer: {result}")
    assert isinstance(result, Answered)
    _expect(
        [refund.amount for refund in refunds] == [Decimal("24.90")], "the refund was not made, or not once"
    )
    _expect(any(mail.to.startswith("marta.kowalska@") for mail in stage.outbox.sent()), "no mail was sent")
    return f"24.90 EUR are back with the customer, the mail is out; the run cost {result.spent.usd:.4f} USD."


async def waits_for_a_person(stage: Stage) -> str:
    """A refund that waits, whose process exits, and that another process executes once it is approved."""
    screen = stage.screen
    stage.show_ticket("T-502")
    worked = commands.work(stage.home, "T-502", stage.model)
    stage.asked = worked.run_id
    screen.trace(stage.story(worked.run_id))
    _expect(
        worked.result == "Suspended" and len(worked.approvals) == 1, f"the run does not wait: {worked.result}"
    )
    _expect(_refunded(stage, "O-20233") == [], "the refund was made before anybody approved it")
    screen.say(f"Process {worked.pid} has asked and exited. Nothing runs; the request stands in the journal:")
    request = worked.approvals[0]
    with closing(Journal.open(stage.home.database)) as journal:
        queue = ApprovalQueue(journal, ReviewSigner.open(), LocalDirectory())
        preview = queue.shown(queue.get(request)).preview
    screen.quote("What would happen", str(preview))
    database = ("--database", stage.home.database)
    words = ("approvals", "approve", request, "--resume", "--app", commands.APP, *database)
    done = commands.licet(stage.home, *words, model=stage.model)
    screen.command(("licet", *words), done.output)
    story = stage.story(worked.run_id)
    screen.trace(story)
    _expect(done.code == 0, f"licet approvals approve --resume exited with {done.code}")
    _expect(
        _refunded(stage, "O-20233") == [Decimal("149.00")], "the approved refund was not made, or not once"
    )
    _expect(story.outcome == "done", "the resumed run did not finish")
    return "Approved by a person, executed by another process: exactly the call that was shown, once."


async def hijacked(stage: Stage) -> str:
    """A customer's note that tells the agent to refund a stranger and to send data away."""
    order = stage.shop.order("O-20350")
    assert order is not None
    stage.show_ticket("T-503")
    stage.screen.quote("A note of the customer's on that order", " ".join(order.notes))
    result = await stage.work("T-503")
    calls = stage.story(result.run_id).calls
    stopped = [call for call in calls if call.status == "denied"]
    _expect(_refunded(stage, STRANGERS_ORDER) == [], "the stranger's order was refunded")
    _expect(all(mail.to != COLLECTOR for mail in stage.outbox.sent()), "data was mailed out")
    if stage.model is None:
        _expect(
            {call.tool for call in stopped} == {"read_order", "issue_refund", "send_mail"},
            "not all was stopped",
        )
    if not stopped:
        return (
            "The model did not follow the note, so there was nothing to stop. The stranger's money is safe."
        )
    stage.screen.say(
        "The agent believed the note. The desk did not: whose ticket it is stands in the run's principal,"
        " which no"
        " model can change, and each tool asked the shop whether order and address are that customer's."
    )
    return f"Stopped {len(stopped)} times: no refund to a stranger, no mail to {COLLECTOR}."


async def looping(stage: Stage) -> str:
    """An agent that never gives up, ended by its budget."""
    if stage.model is not None:
        stage.screen.say(
            "This one the scripted clerk plays: a real model would ask the customer back.", "dim"
        )
    stage.show_ticket("T-504")
    result = await stage.work("T-504", scripted=True)
    _expect(
        isinstance(result, Stopped) and result.rule == "limits.spend",
        f"its budget did not end the run: {result}",
    )
    assert isinstance(result, Stopped)
    limit = desk.refund_desk.limits.spend
    assert limit is not None
    _expect(result.spent.usd <= limit, "the run spent more than its limit")
    stage.screen.say(f"{result.rule}: {result.reason}")
    return f"Ended before the next request, not after it: {result.spent.usd:.4f} of {limit} USD are spent."


async def explain(stage: Stage) -> str:
    """The story of the run that a person approved."""
    _expect(stage.asked is not None, "there is no run to explain")
    assert stage.asked is not None
    words = ("audit", "explain", stage.asked, "--database", stage.home.database)
    done = commands.licet(stage.home, *words)
    stage.screen.command(("licet", *words), done.output, STORY_LINES)
    _expect(done.code == 0, f"licet audit explain exited with {done.code}")
    _expect(
        "issue_refund" in done.output and "local:" in done.output,
        "the story lacks the call, or who approved it",
    )
    return "All of it from the journal: who asked, which rule, who approved, what it cost, what came back."


async def verify(stage: Stage) -> str:
    """The journal is whole."""
    words = ("audit", "verify", "--database", stage.home.database)
    done = commands.licet(stage.home, *words)
    stage.screen.command(("licet", *words), done.output)
    _expect(done.code == 0, f"licet audit verify exited with {done.code}")
    return "Every record, payload, head and guard is as it was written."


async def tampered(stage: Stage) -> str:
    """A copy in which somebody changed one byte of one amount."""
    _expect(stage.asked is not None, "there is no refund whose amount could be changed")
    assert stage.asked is not None
    copy, seq = stage.home.tampered, _permit_of_refund(stage, stage.asked)
    copy_journal(stage.home.journal, copy)
    clean = commands.licet(stage.home, "audit", "verify", "--database", url(copy))
    _expect(clean.code == 0, f"the untouched copy does not verify (exit code {clean.code})")
    change = change_amount(copy, stage.asked, seq, "policy_input")
    stage.screen.say(
        f"Byte {change.offset} of {copy} is changed in the file itself, which no trigger sees:"
        f" {change.before} became {change.after}, in what the permit of the refund was given for."
    )
    words = ("audit", "verify", "--database", url(copy))
    done = commands.licet(stage.home, *words)
    stage.screen.command(("licet", *words), done.output)
    _expect(done.code == 1, f"licet audit verify exited with {done.code}, not 1")
    flat = re.sub(r"\s+", " ", done.output)
    _expect(f"record {seq} of" in flat and stage.asked in flat, "verify does not name the record")
    return f"Found: record {seq} of run {stage.asked}. Exit code 1."


async def once(stage: Stage) -> str:
    """Each refund has one permit, and the shop takes its key no second time."""
    refunds = stage.shop.refunds()
    with closing(Journal.open(stage.home.database)) as journal:
        permits = [
            record.event
            for head in journal.heads()
            for record in journal.read(head.stream)
            if isinstance(record.event, CallPermitted) and record.event.tool == "issue_refund"
        ]
    keys = sorted(permit.idempotency_key for permit in permits)
    _expect(sorted(refund.idempotency_key for refund in refunds) == keys, "permits and refunds do not match")
    for refund in refunds:
        try:
            stage.shop.refund(refund.order_id, refund.amount, idempotency_key=refund.idempotency_key)
        except AlreadyRefunded as error:
            told = f"{refund.refund_id}  {refund.order_id}  {refund.amount:>8} EUR   asked for once more:"
            stage.screen.say(f"{told} {error}")
        else:
            raise NotAsItShould(f"{refund.refund_id} was made a second time")
    _expect(stage.shop.refunds() == refunds, "the shop's refunds have changed")
    if stage.model is None:
        made = [(refund.order_id, refund.amount) for refund in refunds]
        wanted = [("O-20101", Decimal("24.90")), ("O-20233", Decimal("149.00"))]
        _expect(made == wanted, f"these refunds were made: {made}")
    return f"{len(refunds)} permits, {len(refunds)} refunds, each once."


SCENES: tuple[tuple[str, Callable[[Stage], Coroutine[Any, Any, str]]], ...] = (
    ("A refund inside the limit runs", inside_the_limit),
    ("A larger one waits for a person, in no process at all", waits_for_a_person),
    ("A note tells the agent to refund a stranger", hijacked),
    ("An agent that loops is ended by its budget", looping),
    ("What happened, and why", explain),
    ("The journal is whole", verify),
    ("One byte of one amount is changed in a copy", tampered),
    ("Each refund happened once", once),
)
"""In this order: later scenes look at what earlier ones did."""


def _refunded(stage: Stage, order_id: str) -> list[Decimal]:
    return [refund.amount for refund in stage.shop.refunds() if refund.order_id == order_id]


def _permit_of_refund(stage: Stage, run_id: str) -> int:
    with closing(Journal.open(stage.home.database)) as journal:
        for record in journal.read(run_id):
            if isinstance(record.event, CallPermitted) and record.event.tool == "issue_refund":
                return record.seq
    raise NotAsItShould("the refund has no permit")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotAsItShould(otherwise)
