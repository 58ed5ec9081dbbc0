"""What a run has seen: each result read once, and every question answered without looking at results again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from licet.runtime.provenance.echo import Echoes
from licet.runtime.provenance.kinds import Key, key_of, keys_in, keys_of, number
from licet.runtime.provenance.marks import Layout, Place, scalars
from licet.runtime.provenance.words import EDGES, Words

MOST_SOURCES = 4
"""How many of the places where a value was seen are told."""

_PRIVATE = "0123456789@"
_NAME_WORD = re.compile(r"[^\W\d_]*[A-Z0-9][\w-]*")
TRUSTED = ("system", "own")


class Source(NamedTuple):
    """Where a value was seen: which call's result, at which path, and who wrote what stands there."""

    call: str
    tool: str
    path: str
    trust: str

    def shown(self) -> dict[str, str]:
        """As policies and reviewers see it."""
        return {"call": self.call, "tool": self.tool, "path": self.path, "trust": self.trust}


@dataclass(slots=True)
class Fits:
    """The records of one type that one name of the user's fits.

    Attributes:
        records: which, by their key or, without one, by all that stands in them.
        holding: in how many of them a field has a value.
        least: the smallest number that a field has in any of them, by who may be believed.
        lowest: the smallest, by whoever: what the run wrote itself bounds as well, when something else does.
    """

    records: set[object] = field(default_factory=set)
    holding: dict[tuple[str, Key], set[object]] = field(default_factory=dict)
    least: dict[str, Decimal] = field(default_factory=dict)
    lowest: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """Why a value may be vouched for.

    Attributes:
        what: `record`, `directory` or `made`.
        kind: of a key or label; None where none is declared.
        key: it identifies or names the thing, and is not just something known of it.
        fits: the records that the user's name fits.
        tainted: made by a call whose text nobody vouched for.
    """

    what: str
    kind: str | None
    key: bool
    field: str
    fits: tuple[str, str] | None = None
    tainted: bool = False


class Seen:
    """A value as a whole, wherever it stood."""

    __slots__ = ("facts", "sources", "trusts")

    def __init__(self, source: Source) -> None:
        self.trusts: tuple[str, ...] = (source.trust,)
        self.sources: tuple[Source, ...] = (source,)
        self.facts: frozenset[Fact] = NO_FACTS

    def again(self, source: Source) -> None:
        """It stands in another place too."""
        if source.trust not in self.trusts:
            self.trusts += (source.trust,)
        if len(self.sources) < MOST_SOURCES:
            self.sources += (source,)


NO_FACTS: frozenset[Fact] = frozenset()


class Cited(NamedTuple):
    """A value of a declared kind in a result that the user asked for by name.

    Attributes:
        only: nothing else of that kind stands there.
    """

    source: Source
    only: bool


class Index:
    """Everything that was read, by value. It only ever grows, by what each result brings.

    Attributes:
        values: whole values.
        words: by who wrote them, whole words of texts by others, and where each was seen first.
        cited: addresses in results that the user asked for by name.
        private: words and values that were marked sensitive.
        tainted: targets of calls that wrote text nobody vouched for.
        written: values that a call of this run wrote and nobody vouched for.
        echoes: the same, as it is known again when a tool kept it in another form.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self.values: dict[Key, Seen] = {}
        self.words: dict[str, dict[Key, Source]] = {"peer": {}, "external": {}}
        self.cited: dict[Key, list[Cited]] = {}
        self.private: set[str] = set()
        self.tainted: set[Key] = set()
        self.written: set[Key] = set()
        self.echoes = Echoes(words)
        self.fits: dict[tuple[str, str], Fits] = {}

    def add(
        self,
        call_id: str,
        tool: str,
        result: Any,
        layout: Layout,
        *,
        made: bool = False,
        tainted: bool = False,
        given: frozenset[Key] = frozenset(),
        named: bool = False,
    ) -> None:
        """Read one result.

        Args:
            made: the call had an effect; what its keys name is new.
            tainted: it was given text that nobody vouched for.
            given: its own arguments, which its answer may only repeat.
            named: the user named what it read.
        """
        records: dict[int, list[Place]] = {}
        cited: dict[str, dict[Key, Source]] = {}
        for place in scalars(result, layout.root):
            keys = keys_of_value(place.value)
            if place.trust == "own" and self.echoes.repeats(place.value, keys):
                place = place._replace(trust="external", echo=True)
            source = Source(call_id, tool, place.path, place.trust)
            for key in keys:
                self._see(key, source, place)
                if made and place.marks.key and place.trust in TRUSTED and keys[0] not in given:
                    self._fact(key, Fact("made", place.marks.kind, True, place.field, tainted=tainted))
            if place.record is not None:
                records.setdefault(place.record, []).append(place)
            if place.trust not in TRUSTED and isinstance(place.value, str):
                self._read_text(place.value, source, cited if named and not place.echo else None)
            if place.sensitive and keys:
                self._keep_private(place.value)
        for places in records.values():
            self._add_record(tool, places)
            if layout.directory:
                self._add_entry(places)
        for found in cited.values():
            for key, source in found.items():
                echo = self.echoes.has_key(key)
                self.cited.setdefault(key, []).append(Cited(source, len(found) == 1 and not echo))
                if echo:
                    self.words["external"].setdefault(key, source._replace(trust="external"))

    def _see(self, key: Key, source: Source, place: Place) -> None:
        seen = self.values.get(key)
        if seen is None:
            self.values[key] = Seen(source)
        else:
            seen.again(source)

    def _fact(self, key: Key, fact: Fact) -> None:
        self.values[key].facts |= {fact}

    def _read_text(self, text: str, source: Source, cited: dict[str, dict[Key, Source]] | None) -> None:
        words = self.words[source.trust]
        found = {token.strip(EDGES) for token in text.split()}
        fresh = found.difference(words)
        words.update(dict.fromkeys(fresh, source))
        for word in found if cited is not None else fresh:
            if word.isalpha():
                continue
            for key in keys_in(word):
                words.setdefault(key, source)
                if cited is not None and key[0] != "number":
                    cited.setdefault(str(key[0]), {}).setdefault(key, source)

    def _keep_private(self, value: Any) -> None:
        text = value if isinstance(value, str) else str(value)
        self.private.add(text)
        for token in text.split():
            if not token.isalpha() and any(map(token.__contains__, _PRIVATE)):
                bare = token.strip(EDGES)
                if len(bare) >= 4:
                    self.private.add(bare)

    def written_in(self, word: Key) -> list[Source]:
        """Where others wrote this word, by each of who they may be."""
        return [words[word] for words in self.words.values() if word in words]

    def _add_entry(self, places: list[Place]) -> None:
        """What a directory names exists. A record without a key is identified by its labels."""
        keyed = any(place.marks.key for place in places)
        for place in places:
            if not place.echo and (place.marks.key or (place.marks.label and not keyed)):
                for key in keys_of_value(place.value):
                    self._fact(key, Fact("directory", place.marks.kind, True, place.field))

    def _add_record(self, tool: str, places: list[Place]) -> None:
        marked = [place for place in places if place.marks.key or place.marks.label]
        names = {name for place in marked for name in self._names(place)}
        hinted = {word for place in marked for word in self._hints(place)} - names
        if not names and not hinted:
            return
        kind = next((place.marks.kind for place in marked if place.marks.key), None) or tool
        keys = [place.value for place in marked if place.marks.key]
        identity: object = tuple(keys) or frozenset(
            (place.field, place.value) for place in places if not isinstance(place.value, float)
        )
        for name in sorted(names | hinted):
            fits = self.fits.setdefault((kind, name), Fits())
            fits.records.add(identity)
            for place in places:
                amount, keys = number(place.value), keys_of_value(place.value)
                trusted = place.trust in TRUSTED
                if amount is not None and (trusted or place.echo):
                    _lower(fits.lowest, place.field, amount)
                if not trusted or (name in hinted and amount is None):
                    continue
                key_field = place.marks.key or place.marks.label
                for key in keys:
                    fits.holding.setdefault((place.field, key), set()).add(identity)
                    fact = Fact("record", place.marks.kind, key_field, place.field, (kind, name))
                    self._fact(key, fact)
                if amount is not None and self.written.isdisjoint(keys):
                    _lower(fits.least, place.field, amount)

    def _names(self, place: Place) -> Iterable[str]:
        """By which of the user's words this key or label calls its record."""
        value = place.value if isinstance(place.value, str) else str(place.value)
        if place.marks.key and value.isdigit():
            return [value] if self._words.numbered(value, place.marks.kind) else []
        if not value or isinstance(place.value, bool) or place.value is None:
            return []
        return [value] if self._words.names(value) else []

    def _hints(self, place: Place) -> Iterable[str]:
        """Single words of the user's, written as names, in a label of the kind `words`.

        Whoever wrote the label chose its words, so a hint vouches for no target: it only bounds amounts.
        """
        if not place.marks.label or place.marks.kind != "words" or not isinstance(place.value, str):
            return []
        return [word for word in _NAME_WORD.findall(place.value) if word in self._words.tokens]


def _lower(bounds: dict[str, Decimal], name: str, amount: Decimal) -> None:
    known = bounds.get(name)
    bounds[name] = amount if known is None else min(known, amount)


def keys_of_value(value: Any) -> list[Key]:
    """Every key under which a value of a result may be asked for."""
    if isinstance(value, str):
        return keys_of(value) if value else []
    key = key_of(None, value)
    return [] if key is None else [key]
