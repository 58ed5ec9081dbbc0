"""What `licet audit verify` found, and the check of one stream of records as it passes by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from licet.audit.admission import NOBODY, STATUS_AFTER
from licet.audit.canonical import canonical, parse
from licet.audit.codec import decode_fields, event_body
from licet.audit.errors import JournalDamaged
from licet.audit.events import Event
from licet.audit.proposals import Proposals
from licet.audit.records import GENESIS, INSTALLATION, Record, record_hash

LARGEST_REPORT = 1000
"""The most problems that are kept; those beyond are counted."""

Kind = Literal[
    "file",
    "schema",
    "trigger",
    "changed",
    "moved",
    "removed",
    "unproposed",
    "unreadable",
    "payload changed",
    "payload removed",
    "payload inserted",
    "tail cut",
    "head",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as Licet left it.

    Attributes:
        kind: what was done, in a word.
        message: in plain words, what and where.
        stream, seq: the record, where it is about one; a stream's head has no seq.
        name: the trigger, table, index, view or payload, where it is about one.
    """

    kind: Kind
    message: str
    stream: str | None = None
    seq: int | None = None
    name: str | None = None


@dataclass(slots=True)
class Verification:
    """What was checked, and what was found: the database's own guards first, then records in order of stream
    and seq.

    Attributes:
        omitted: how many problems were found beyond those in `problems`.
    """

    streams: int = 0
    records: int = 0
    payloads: int = 0
    problems: list[Problem] = field(default_factory=list)
    omitted: int = 0

    @property
    def ok(self) -> bool:
        """Nothing was found."""
        return not self.problems

    def add(self, problem: Problem) -> None:
        """Note a problem. What its message quotes from the file may be no Unicode; then it is escaped."""
        if len(self.problems) < LARGEST_REPORT:
            self.problems.append(replace(problem, message=as_text(problem.message)))
        else:
            self.omitted += 1


class StreamCheck:
    """One stream on its way by: what its records so far lead one to expect."""

    def __init__(self, name: Any, head: list[Any], found: Verification, proposals: Proposals) -> None:
        self.name = name
        self._head = head
        self._found = found
        self._proposals = proposals
        self._unread = False
        self._seq = 0
        self._hash: str | None = GENESIS
        self._broken: int | None = None
        self._status = ""
        self._unit = 1
        self._time: datetime | None = None
        self._claim = range(1)

    def take(self, seq: Any, text: Any, hash: Any) -> Record | None:
        """Check the next record; None if what it says cannot be relied on."""
        if not isinstance(seq, int) or seq < 1:
            self._report("moved", seq, f"{seq!r} is not a number a record can have")
            return None
        self._check_gap(seq)
        previous, self._seq = self._hash, seq
        self._hash = None
        record = self._check(seq, text, hash, previous)
        self._follow_claim(seq, record)
        self._follow_calls(seq, record)
        return record

    def _check(self, seq: int, text: Any, hash: Any, previous: str | None) -> Record | None:
        if not isinstance(text, str) or not isinstance(hash, str):
            self._report("changed", seq, "its text or hash is not stored as text")
            return None
        data = text.encode("utf-8", "surrogateescape")
        actual = record_hash(data)
        fields = self._parse(seq, data)
        if fields is None:
            self._hash = hash
            return None
        place = (fields.get("stream"), fields.get("seq"))
        if place != (self.name, seq):
            # Its neighbours are chained to the record that stood here, so it says nothing about them.
            where = f"record {place[1]!r} of stream {place[0]!r}"
            self._report("moved", seq, f"what stands here is {where}: it was moved, or two rows were swapped")
            return None
        if actual != hash:
            # The column still has the hash that the next record was chained to.
            self._hash = hash
            self._report(
                "changed", seq, "its text was changed: it does not give the hash that stands beside it"
            )
            return None
        self._hash = actual
        if previous is not None:
            self._check_link(seq, holds=fields.get("prev") == previous)
        return self._read(seq, data, hash, fields)

    def finish(self) -> None:
        """Compare the stream with its head."""
        _, seq, hash, claim, status = self._head
        if self._broken is not None:
            self._check_link(self._seq + 1, holds=hash == self._hash)
            self._hash = None
        if seq is None:
            self._report("head", None, "it has records, and no head: the head was removed")
            return
        if not isinstance(seq, int) or not isinstance(claim, int):
            self._report("head", None, "its head does not hold numbers where it should")
            return
        if seq > self._seq:
            self._report(
                "tail cut",
                self._seq + 1,
                f"its end was removed: it reached record {seq}, and {self._seq} is the last",
            )
            return
        if seq < self._seq:
            self._report(
                "head", seq + 1, f"its head stands at record {seq}, and records up to {self._seq} are there"
            )
            return
        if self._hash is not None and hash != self._hash:
            self._report("changed", seq, "it is not the record at which the stream's head stands")
        if claim not in self._claim:
            first, last = self._claim[0], self._claim[-1]
            taken = f"record {last}" if first == last else f"one of records {first} to {last}"
            by = f"by its records it is {taken}" if last else "by its records nobody took it"
            self._report("head", None, f"its head says the claim is record {claim}; {by}")
        if status != self._status:
            self._report(
                "head", None, f"its head says it is {status!r}; by its records it is {self._status!r}"
            )

    def _check_gap(self, seq: int) -> None:
        if seq == self._seq + 1:
            return
        first, last = self._seq + 1, seq - 1
        which = "it was removed" if first == last else f"records {first} to {last} were removed"
        if self._broken is not None:
            self._check_link(first, holds=True)
        self._report("removed", first, which)
        self._hash = None
        self._unread = True

    def _parse(self, seq: int, data: bytes) -> dict[str, Any] | None:
        try:
            fields = parse(data)
            same = canonical(fields) == data
        except (ValueError, RecursionError):
            fields, same = None, False
        if not isinstance(fields, dict) or not same:
            self._report("changed", seq, "its text is not the canonical JSON that Licet writes")
            return None
        return fields

    def _check_link(self, seq: int, *, holds: bool) -> None:
        """A link that does not hold tells that one of its two records was replaced; the next link tells
        which.
        """
        broken, self._broken = self._broken, None
        if broken is not None:
            self._report_replaced(broken - 1 if holds else broken)
        elif not holds and seq > 1:
            self._broken = seq
        elif not holds:
            self._report("changed", 1, "it is not the first of its stream: it names one before it")

    def _report_replaced(self, seq: int) -> None:
        self._report(
            "changed", seq, "it is not the record that its neighbours were chained to: it was replaced"
        )

    def _read(self, seq: int, data: bytes, hash: str, fields: dict[str, Any]) -> Record | None:
        try:
            record = decode_fields(self.name, seq, data, hash, fields)
        except JournalDamaged as error:
            self._report("unreadable", seq, str(error))
            return None
        if not _same(record.event, fields["body"]):
            self._report("unreadable", seq, "its values are not of the types that its event has")
        owner = self._head[0]
        if owner is not None and record.tenant != owner and (self.name, owner) != (INSTALLATION, NOBODY):
            self._report("head", seq, f"it is of tenant {record.tenant!r}, and its stream of {owner!r}")
        self._status = STATUS_AFTER.get(type(record.event), self._status)
        return record

    def _follow_claim(self, seq: int, record: Record | None) -> None:
        """Who holds the run changes with its status: a start, a resumption, a suspension and an end take the
        claim, and what becomes of it is the first record of their unit.

        Where a unit begins no record says; but its records carry one time, so it begins where that time does,
        or later.
        """
        if record is None:
            self._time = None
            # It may have been one that takes the claim.
            self._claim = range(self._claim.start, seq + 1)
            return
        if self._time is not None and record.time != self._time:
            self._unit = seq
        self._time = record.time
        if type(record.event) in STATUS_AFTER:
            self._claim = range(self._unit, seq + 1)

    def _follow_calls(self, seq: int, record: Record | None) -> None:
        """Nothing becomes of a call before it is proposed. A record that cannot be relied on may have been the
        proposal of any call, and is told of already.
        """
        if record is None:
            self._unread = True
        else:
            fault = self._proposals.fault(seq, record.event, record.payloads)
            if fault is not None and not self._unread:
                self._report("unproposed", seq, fault)

    def _report(self, kind: Kind, seq: int | None, why: str) -> None:
        what = f"stream {self.name}" if seq is None else f"record {seq} of stream {self.name}"
        self._found.add(Problem(kind, f"{what}: {why}", stream=as_text(self.name), seq=seq))


def _same(event: Event, body: Any) -> bool:
    """Whether `event` was read from `body` as it stands, and no value of it made into another type."""
    try:
        return canonical(event_body(event)) == canonical(body)
    except (ValueError, RecursionError):
        return False


def as_text(value: Any) -> str:
    """`value` from a column that should hold text, fit to be shown."""
    text = value if isinstance(value, str) else repr(value)
    return text.encode("utf-8", "backslashreplace").decode()
