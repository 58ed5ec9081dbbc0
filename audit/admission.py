"""Which of the waiting units of work stand: decided in memory, on what the transaction has read."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pydantic import BaseModel

from licet.audit.codec import Encoded, encode_unit
from licet.audit.errors import AppendRefused, BudgetExceeded, FenceLost, HeadMoved, NotOpened, Unrecordable
from licet.audit.events import RunFinished, RunResumed, RunStarted, RunSuspended, SwitchedOff, SwitchedOn
from licet.audit.records import (
    GENESIS,
    INSTALLATION,
    Appended,
    Charge,
    Head,
    Opening,
    Unit,
    record_hash,
    shadow_stream,
    tenant_stream,
)
from licet.audit.schema import PAYLOADS_MOST
from licet.audit.switches import Switches, switched_off

STATUS_AFTER: dict[type[BaseModel], str] = {
    RunStarted: "running",
    RunResumed: "running",
    RunSuspended: "suspended",
    RunFinished: "finished",
}
"""The status a run's stream has after the last of these events."""

_OWNED = (tenant_stream(""), shadow_stream(""))
"""How the streams begin that are a tenant's by their names."""

NOBODY = ""
"""The tenant of the installation's stream, which is no tenant's."""

LARGEST_AMOUNT = 2**63 - 1
"""What a budget's column holds."""


class Prepared(NamedTuple):
    """A unit with all that could be worked out before the writer saw it.

    Attributes:
        status: the unit's, or the one that follows from its events; None leaves the stream's as it is.
        switches: it throws or takes back a kill switch.
        size: bytes of its records and their payloads, roughly.
    """

    unit: Unit
    time: datetime
    records: list[Encoded]
    status: str | None
    takes_claim: bool
    switches: bool
    size: int


def prepare(unit: Unit, moment: datetime) -> Prepared:
    """`unit`, checked and encoded.

    Raises:
        Unrecordable: it has no event, contradicts itself, or holds what cannot be written.
    """
    if not unit.drafts:
        raise Unrecordable("a unit of work has at least one event")
    if not unit.stream or (
        unit.stream.startswith(_OWNED)
        and unit.stream not in (tenant_stream(unit.tenant), shadow_stream(unit.tenant))
    ):
        raise Unrecordable(f"the stream {unit.stream!r} is not one of tenant {unit.tenant!r}")
    switches, implied = False, None
    for draft in unit.drafts:
        kind = type(draft.event)
        implied = STATUS_AFTER.get(kind, implied)
        switches = switches or kind is SwitchedOff or kind is SwitchedOn
    if implied is not None and unit.status not in (implied, None):
        raise Unrecordable(
            f"after the last of its events the stream is {implied}, and the unit says {unit.status}"
        )
    if switches and unit.stream not in (INSTALLATION, tenant_stream(unit.tenant)):
        raise Unrecordable(
            f"a kill switch belongs to the installation or a tenant, not to stream {unit.stream}"
        )
    takes_claim = implied is not None
    if unit.takes_claim and not takes_claim:
        raise Unrecordable("only what starts, resumes, suspends or finishes a run takes the claim on it")
    records = encode_unit(unit, moment)
    size = 0
    for record in records:
        size += len(record.before) + len(record.after)
        for _, _, content in record.payloads:
            size += len(content)
    return Prepared(unit, moment, records, unit.status or implied, takes_claim, switches, size)


class Batch:
    """Units that are to be committed together.

    Attributes:
        heads: by stream, as read and then as moved by the units that stand.
        last_id: the last record's, likewise.
        used: budgets by key, likewise.
        switches: the folds of the installation's and the tenants' streams, likewise.
        events, payloads: rows to insert.
        moved, changed: the heads that move, by stream, and apart from them those of streams that are new or
            change their status.
        charged: budgets that change.
        opened: what becomes durable with the batch.
    """

    def __init__(
        self, heads: dict[str, Head], last_id: int, used: dict[str, int], switches: dict[str, Switches]
    ) -> None:
        self.heads = heads
        self.last_id = last_id
        self.used = used
        self.switches = switches
        self.events: list[tuple[int, str, int, str, str]] = []
        self.payloads: list[tuple[int, str, bytes, bytes]] = []
        self.moved: dict[str, Head] = {}
        self.changed: dict[str, Head] = {}
        self.charged: set[str] = set()
        self.opened: list[Opening] = []

    def admit(self, prepared: Prepared) -> Appended:
        """Add the unit, or refuse it and leave the batch as it was.

        Raises:
            AppendRefused: FenceLost, HeadMoved, NotOpened, KilledBySwitch or BudgetExceeded.
            JournalDamaged: kill switches matter, and cannot be read.
        """
        unit = prepared.unit
        stream = unit.stream
        head = self.heads.get(stream)
        self._check_fence(unit, head)
        if unit.needs is not None and not unit.needs.durable and unit.needs not in self.opened:
            raise NotOpened(f"what a record of {stream} goes on from was not written")
        if unit.scopes:
            self._check_switches(unit)
        used = self._charge(unit.charges) if unit.charges else None

        _, _, seq, prev, claim, status = head or (stream, "", 0, GENESIS, 0, "")
        first = seq + 1
        for record in prepared.records:
            seq += 1
            text = record.text(prev, seq)
            prev = record_hash(text)
            self.last_id += 1
            self.events.append((self.last_id, stream, seq, text.decode(), prev))
            for id, payload in enumerate(record.payloads, self.last_id * PAYLOADS_MOST):
                self.payloads.append((id, *payload))
        now = Head(
            stream,
            _owner(unit),
            seq,
            prev,
            first if prepared.takes_claim else claim,
            status if prepared.status is None else prepared.status,
        )
        self.heads[stream] = now
        if head is None or now.status != status or stream in self.changed:
            self.moved.pop(stream, None)
            self.changed[stream] = now
        else:
            self.moved[stream] = now
        if used is not None:
            self.used.update(used)
            self.charged.update(used)
        self._fold_switches(prepared, first, seq, prev)
        if unit.opens is not None:
            self.opened.append(unit.opens)
        return Appended(first, seq, prepared.time)

    def _check_fence(self, unit: Unit, head: Head | None) -> None:
        if head is not None and head.tenant != _owner(unit):
            raise AppendRefused(f"the stream {unit.stream} belongs to another tenant")
        claim = head.claim if head else 0
        if unit.claim is not None and unit.claim != claim:
            raise FenceLost(
                f"another worker has taken over {unit.stream}: the claim is record {claim}, not {unit.claim}"
            )
        seq = head.seq if head else 0
        if unit.expect is not None and unit.expect != seq:
            raise HeadMoved(f"{unit.stream} stands at record {seq}, and not at {unit.expect} as expected")

    def _check_switches(self, unit: Unit) -> None:
        sources = (self.switches[INSTALLATION], self.switches[tenant_stream(unit.tenant)])
        killed = switched_off(sources, unit.scopes)
        if killed is not None:
            raise killed

    def _charge(self, charges: tuple[Charge, ...]) -> dict[str, int]:
        used: dict[str, int] = {}
        for charge in charges:
            before = used.get(charge.budget, self.used.get(charge.budget, 0))
            after = before + charge.amount
            limit = LARGEST_AMOUNT if charge.limit is None else min(charge.limit, LARGEST_AMOUNT)
            if charge.amount > 0 and after > limit:
                raise BudgetExceeded(
                    charge.budget,
                    f"the budget {charge.budget} has no room for {_dollars(charge.amount)}:"
                    f" {_dollars(before)} of {_dollars(limit)} USD are taken",
                )
            # What is given back was taken before; should a caller err, it must not make room that never was.
            used[charge.budget] = max(after, 0)
        return used

    def _fold_switches(self, prepared: Prepared, first: int, seq: int, hash: str) -> None:
        stream = prepared.unit.stream
        switches = self.switches.get(stream)
        if switches is None or switches.damage is not None or switches.seq != first - 1:
            return
        events = (draft.event for draft in prepared.unit.drafts) if prepared.switches else ()
        self.switches[stream] = switches.after(events, seq, hash)


def _owner(unit: Unit) -> str:
    # Every tenant's runs may register what concerns all; whose event it was stands in the record.
    return NOBODY if unit.stream == INSTALLATION else unit.tenant


def _dollars(amount: int) -> str:
    return f"{Decimal(amount).scaleb(-9).normalize():f}"
