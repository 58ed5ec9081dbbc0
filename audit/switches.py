"""Kill switches, as the fold of the events that throw them and take them back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from licet.audit.codec import Row, decode_chain
from licet.audit.errors import JournalDamaged, KilledBySwitch
from licet.audit.events import Event, SwitchedOff, SwitchedOn
from licet.audit.records import GENESIS, Head

EVERYTHING = "all"
"""The scope that covers every other."""


@dataclass(frozen=True, slots=True)
class Switches:
    """What one stream, the installation's or a tenant's, has switched off, as of its record `seq`.

    `damage` is set when the stream could not be read; then nobody can say what is off, and nothing may start.
    """

    seq: int = 0
    hash: str = GENESIS
    off: Mapping[str, str] = field(default_factory=dict)
    """The reason, by scope."""
    damage: str | None = None

    def after(self, events: Iterable[Event], seq: int, hash: str) -> Switches:
        """The fold with `events` added, the last of which is record `seq`."""
        off = dict(self.off)
        for event in events:
            if isinstance(event, SwitchedOff):
                off[event.scope] = event.reason
            elif isinstance(event, SwitchedOn):
                off.pop(event.scope, None)
        return Switches(seq, hash, off)


ALL_ON = Switches()
"""A stream that has no records yet."""


def refreshed(
    known: Switches, stream: str, head: Head | None, read_events: Callable[[str, int], Iterable[Row]]
) -> Switches:
    """The fold of `stream` as its `head` says it is now, read on from `known` when that has moved.

    `read_events` takes a stream and a seq, and gives the rows behind it in order.
    """
    seq, hash = (head.seq, head.hash) if head else (ALL_ON.seq, ALL_ON.hash)
    if (known.seq, known.hash) == (seq, hash) and known.damage is None:
        return known
    base = known if known.damage is None and known.seq < seq else ALL_ON
    rows = read_events(stream, base.seq)
    try:
        records = decode_chain(rows, stream, after=base.seq, prev=base.hash, end=seq, end_hash=hash)
        return base.after((record.event for record in records), seq, hash)
    except JournalDamaged as error:
        return Switches(seq, hash, damage=str(error))


def switched_off(sources: Iterable[Switches], scopes: Iterable[str]) -> KilledBySwitch | None:
    """The first switch that covers one of `scopes`; `all` covers any.

    Raises:
        JournalDamaged: a source could not be read.
    """
    asked = (EVERYTHING, *scopes)
    for switches in sources:
        if switches.damage is not None:
            raise JournalDamaged(f"the kill switches cannot be read, so nothing may start: {switches.damage}")
        if switches.off:
            for scope in asked:
                if scope in switches.off:
                    return KilledBySwitch(scope, switches.off[scope])
    return None
