"""Which calls of a run were proposed, as its records pass by: what becomes of a call comes after its proposal."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator

from sqlalchemy import Connection

from licet.audit.canonical import canonical
from licet.audit.events import (
    CallExecuted,
    CallFailed,
    CallPermitted,
    CallProposed,
    Event,
    ModelResponded,
)

MOST_KEPT = 10_000
"""So many proposals of a run are kept in memory. Older ones are looked up, so that memory stays the same."""

LookUp = Callable[[int, str], bool]
"""Whether a record of the run before this one proposes the call of this id."""

_PROPOSALS = "proposals"
"""The payload of a permit with which the call is proposed too."""

_BECAME = {CallPermitted: "permitted", CallExecuted: "executed", CallFailed: "done without success"}


class Proposals:
    """The proposals of one run so far."""

    def __init__(self, look_up: LookUp, most_kept: int = MOST_KEPT) -> None:
        """Of a run that begins; `look_up` is asked once there are more than are kept."""
        self._look_up, self._most_kept = look_up, most_kept
        self._kept: dict[str, None] = {}  # in the order in which they came
        self._forgot = False

    def fault(self, seq: int, event: Event, payloads: Container[str]) -> str | None:
        """What is wrong with the next event of the run, which has these payloads: something becomes of a call that
        nobody proposed.
        """
        for call_id in _proposed(event, payloads):
            self._kept[call_id] = None
            if len(self._kept) > self._most_kept:
                del self._kept[next(iter(self._kept))]
                self._forgot = True
        if not isinstance(event, CallPermitted | CallExecuted | CallFailed) or self._knows(
            seq, event.call_id
        ):
            return None
        return f"call {event.call_id} was {_BECAME[type(event)]}, and no record up to this one proposes it"

    def _knows(self, seq: int, call_id: str) -> bool:
        return call_id in self._kept or (self._forgot and self._look_up(seq, call_id))


def _proposed(event: Event, payloads: Container[str]) -> Iterator[str]:
    if isinstance(event, CallProposed) or (isinstance(event, CallPermitted) and _PROPOSALS in payloads):
        yield event.call_id
    elif isinstance(event, ModelResponded):
        yield from (call.call_id for call in event.calls)


def look_up_in(connection: Connection, stream: object) -> LookUp:
    """Looks for older proposals in the records of a stream."""

    def look_up(seq: int, call_id: str) -> bool:
        # Records are canonical JSON, in which this text stands for nothing else: quotes inside of text are escaped.
        member = f'"call_id":{canonical(call_id).decode()}'
        return connection.exec_driver_sql(_PROPOSES, (stream, seq, member)).first() is not None

    return look_up


_PROPOSES = """
SELECT 1 FROM events WHERE stream = ? AND seq < ? AND instr(record, ?) > 0
AND (instr(record, '"type":"call.proposed"') > 0 OR instr(record, '"type":"model.responded"') > 0
     OR (instr(record, '"type":"call.permitted"') > 0 AND instr(record, '"proposals":"') > 0))
"""
