"""A record: one event as the journal holds it, and the unit of work that writes some."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from licet.audit.entropy import random_bytes
from licet.audit.events import Actor, Event

INSTALLATION = "installation"
"""The stream of what concerns every tenant; a tenant's own is `tenant/NAME`, that of what a shadow policy said of its
calls `shadow/NAME`, a run's is its id."""

GENESIS = "0" * 64
"""What the first record of a stream names as the hash of the record before it."""

SALT_BYTES = 16

NO_PAYLOADS: Mapping[str, Payload] = MappingProxyType({})


def tenant_stream(tenant: str) -> str:
    """The stream of a tenant's own story."""
    return f"tenant/{tenant}"


def shadow_stream(tenant: str) -> str:
    """The stream of what a shadow policy said of a tenant's calls.

    It is apart from the tenant's own, which every process reads for its kill switches, and from the runs', whose next
    record another worker may be waiting to write.
    """
    return f"shadow/{tenant}"


def record_hash(text: bytes) -> str:
    """The hash of a record's stored bytes: SHA-256 over 0x00 and the bytes.

    That is a leaf's hash in RFC 6962, section 2.1, so the chain and a Merkle tree over it use the same one.
    """
    return hashlib.sha256(b"\x00" + text).hexdigest()


@dataclass(slots=True)
class Payload:
    """Bytes that stand beside the chain under a random salt; the record holds the digest of both.

    Without the salt, which is erased with the bytes, the digest lets nobody test a guess.
    """

    content: bytes
    salt: bytes = field(default_factory=random_bytes)

    def digest(self) -> str:
        """SHA-256 over salt and content, in hexadecimal."""
        return hashlib.sha256(self.salt + self.content).hexdigest()


class Draft(NamedTuple):
    """An event that is to be appended, by whom, with its payloads by name."""

    event: Event
    actor: Actor
    payloads: Mapping[str, Payload] = NO_PAYLOADS


class Charge(NamedTuple):
    """An amount to add to a budget that runs share; negative gives back.

    Amounts are nano-dollars, so that they add up exactly. A unit whose charge would take `used` above `limit`
    is refused whole.
    """

    budget: str
    amount: int
    limit: int | None


class Opening:
    """Ties a unit to one that was queued before it and that nobody waits for: see `Unit.opens` and `Unit.needs`."""

    __slots__ = ("durable",)

    def __init__(self) -> None:
        self.durable = False


class Unit(NamedTuple):
    """What is appended to one stream in one piece, or not at all.

    Attributes:
        stream: the stream; it comes into being with its first unit.
        tenant: whose stream it is.
        drafts: what to append, in this order.
        claim: the claim this writer holds on the stream, which is the `seq` of the record that took it;
            another value in the journal means another worker has taken over (`FenceLost`). None: a fact that
            any process may add, such as a review or the outcome of a call that had begun.
        expect: the `seq` the stream must stand at, 0 for a stream that must be new; anything else is
            `HeadMoved`.
        takes_claim: the first record of this unit becomes the claim. So it does, whether this is set or not,
            when one of the events starts, resumes, suspends or finishes a run; and only then may this be set.
        status: the stream's status afterwards, for listings (`running`, `suspended`, ...); None leaves it.
        scopes: kill-switch scopes that must all be on, such as `tool:issue_refund`; else `KilledBySwitch`.
        charges: what this takes from shared budgets; without room `BudgetExceeded`.
        opens: becomes durable with this unit.
        needs: without it, `NotOpened`. It is durable already, or opened by a unit that is written together with this
            one.
        linger: for so many seconds the writer does not commit for this unit's sake alone; it goes with the
            next unit that comes, or by itself when the time is up. For records that nobody waits for.
    """

    stream: str
    tenant: str
    drafts: tuple[Draft, ...]
    claim: int | None = None
    expect: int | None = None
    takes_claim: bool = False
    status: str | None = None
    scopes: tuple[str, ...] = ()
    charges: tuple[Charge, ...] = ()
    linger: float = 0.0
    opens: Opening | None = None
    needs: Opening | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the journal.

    Attributes:
        prev: the hash of the record before it in the stream.
        hash: this record's own.
        payloads: digests by name.
        text: the stored bytes, canonical JSON, over which `hash` is taken.
    """

    stream: str
    seq: int
    tenant: str
    time: datetime
    actor: Actor
    event: Event
    payloads: dict[str, str]
    prev: str
    hash: str
    text: bytes


class Head(NamedTuple):
    """Where a stream stands: its last record, who holds the claim on it, and its status for listings."""

    stream: str
    tenant: str
    seq: int
    hash: str
    claim: int
    status: str


class Appended(NamedTuple):
    """A unit that is durable: the records' first and last `seq`, and the time they carry."""

    first: int
    last: int
    time: datetime
