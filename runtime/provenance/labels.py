"""The labels of one value: everything that vouches for it, and everything that speaks against it."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Any, Literal

from licet.runtime.provenance.dates import read_moment, said_of
from licet.runtime.provenance.index import MOST_SOURCES, TRUSTED, Fact, Index, Source
from licet.runtime.provenance.kinds import Family, Key, email, family, iban, key_of, number, url
from licet.runtime.provenance.leaves import Leaf
from licet.runtime.provenance.words import EDGES, Words
from licet.tools import Parameter

Label = Literal[
    "user",
    "words",
    "dated",
    "unsaid",
    "template",
    "workflow",
    "default",
    "narrow",
    "nothing",
    "record",
    "ambiguous",
    "within",
    "made",
    "tainted",
    "directory",
    "system",
    "own",
    "cited",
    "peer",
    "external",
    "link",
    "private",
    "model",
]
"""Every label there is. docs/provenance.md says what each of them means and what it does not promise."""

VOUCHED = frozenset(
    {
        "user",
        "words",
        "dated",
        "template",
        "workflow",
        "default",
        "narrow",
        "nothing",
        "record",
        "made",
        "directory",
        "system",
        "own",
    }
)
"""Labels by which a value that was written counts as somebody's own when it is read back."""

_TEXT = ("content", "headline")
_LONGEST_PHRASE = 500
"""Characters of a value that is looked for word by word in what others wrote."""
_LONGEST_QUERY = 100_000
"""Characters of a text that are looked through for links and for what is private. More counts as both."""


class Labeller:
    """Answers for single values, from what the user said and what the run has seen."""

    def __init__(self, words: Words, index: Index) -> None:
        self._words = words
        self._index = index
        self.lost = False
        """What a call of this run wrote is not known any more, so nothing that was read vouches for a value."""
        self.partial = False
        """What a call of this run read is not known any more: a name may fit more, and any text may be private."""

    def key(self, leaf: Leaf) -> Key | None:
        """What the value is compared by."""
        return key_of(family(leaf.declared.role, leaf.declared.kind), leaf.value)

    def labels(
        self, leaf: Leaf, fixed: Container[str], default: Any
    ) -> tuple[list[Label], list[dict[str, str]]]:
        """Its labels in sorted order, `model` when there is nothing else, and where it was seen.

        Args:
            fixed: parameters whose value the workflow itself sets.
            default: the value that the tool's author gave the parameter.
        """
        value = leaf.value
        found: set[Label] = set()
        sources: list[Source] = []
        if value is None or value == "":
            return ["nothing"], []
        if leaf.top:
            if leaf.name in fixed:
                found.add("workflow")
            if default is not _UNSET and type(default) is type(value) and default == value:
                found.add("default")
        read_as = family(leaf.declared.role, leaf.declared.kind)
        key = key_of(read_as, value)
        if isinstance(value, bool):
            self._of_flag(leaf, found)
        elif key is not None:
            self._of_words(leaf, key, read_as, found)
            self._of_results(leaf, key, found, sources)
        if leaf.declared.role == "flag" and value in getattr(leaf.declared, "narrow", ()):
            found.add("narrow")
        if leaf.declared.role in _TEXT and isinstance(value, str):
            self._of_text(value, found, sources)
        if not found - {"link", "private", "tainted"}:
            found.add("model")
        return sorted(found), [source.shown() for source in sources[:MOST_SOURCES]]

    def _of_flag(self, leaf: Leaf, found: set[Label]) -> None:
        """A switch that is on is the user's when they wrote its name."""
        if leaf.value is True and leaf.name in self._words.tokens:
            found.add("user")

    def _of_words(self, leaf: Leaf, key: Key, read_as: Family | None, found: set[Label]) -> None:
        words, value, role = self._words, leaf.value, leaf.declared.role
        if read_as == "date":
            moment = read_moment(value)
            said = None if moment is None else said_of(moment, words.times)
            if said is not None:
                found.add("user" if said == "user" else "dated")
            elif moment is not None and not words.times.said:
                found.add("unsaid")
        text = value if isinstance(value, str) else str(value)
        if words.said(text, role, leaf.declared.kind, key):
            found.add("user")
        if isinstance(value, str):
            by_case = read_as == "caption" and words.span_but_for_case(value)
            if by_case or (words.span(value) and not value.isdigit()):
                found.add("words")
            if role in _TEXT and any(all(map(self._may_fill, filled)) for filled in words.fills(value)):
                found.add("template")

    def _may_fill(self, value: str) -> bool:
        """What stands in a hole of the user's pattern is the application's or their own, as a whole."""
        return self._words.span(value) or (
            bool(self._trusts(value) & {*TRUSTED}) and value not in self._index.private
        )

    def _trusts(self, key: Key) -> set[str]:
        seen = self._index.values.get(key)
        return set() if seen is None or self.lost or key in self._index.written else {*seen.trusts}

    def _of_results(self, leaf: Leaf, key: Key, found: set[Label], sources: list[Source]) -> None:
        index = self._index
        raw: Key = leaf.value if isinstance(leaf.value, str) else key
        for asked in (key,) if raw == key else (key, raw):
            seen = index.values.get(asked)
            if seen is not None:
                sources += seen.sources
                found.update(trust for trust in seen.trusts if trust not in TRUSTED)  # type: ignore[misc]
                if index.written.isdisjoint((key, raw)) and not self.lost:
                    found.update(trust for trust in seen.trusts if trust in TRUSTED)  # type: ignore[misc]
                    for fact in seen.facts:
                        self._of_fact(fact, leaf, asked, found)
                elif not {*TRUSTED}.isdisjoint(seen.trusts):
                    found.add("external")
            for source in index.written_in(asked):
                found.add(source.trust)  # type: ignore[arg-type]
                sources.append(source)
            for cited in index.cited.get(asked, ()):
                found.add("cited")
                if not cited.only or self.partial:
                    found.add("ambiguous")
                sources.append(cited.source)
        if leaf.declared.role == "target" and key in index.tainted:
            found.add("tainted")
        if isinstance(leaf.value, str) and not sources:
            self._of_foreign_words(leaf.value, found, sources)
        known = not self.lost and key not in index.written
        if leaf.declared.role == "amount" and known and self._within(leaf):
            found.add("within")

    def _of_foreign_words(self, value: str, found: set[Label], sources: list[Source]) -> None:
        """Several words that the user did not write and that all stand in what one sort of others wrote."""
        words = [bare for token in value[:_LONGEST_PHRASE].split() if (bare := token.strip(EDGES))]
        if len(words) < 2 or len(value) > _LONGEST_PHRASE or self._words.span(value):
            return
        longest = max(words, key=len)
        for source in self._index.written_in(longest):
            if all(word in self._index.words[source.trust] for word in words):
                found.add(source.trust)  # type: ignore[arg-type]
                sources.append(source)

    def _of_fact(self, fact: Fact, leaf: Leaf, key: Key, found: set[Label]) -> None:
        role, kind = leaf.declared.role, leaf.declared.kind
        if role == "amount":
            if fact.what != "record" or fact.key or fact.field.rsplit("/", 1)[-1] != leaf.name:
                return
        elif fact.key:
            plain = not _digits(leaf.value)
            if fact.kind != kind and not (plain and (kind is None or fact.kind in (None, "words"))):
                return
        elif _digits(leaf.value):
            return
        if fact.what == "directory":
            found.add("directory")
        elif fact.what == "made":
            found.add("made")
            if fact.tainted:
                found.add("tainted")
        elif fact.fits is not None:
            fits = self._index.fits[fact.fits]
            found.add("record")
            if self.partial or len(fits.holding[fact.field, key]) < len(fits.records):
                found.add("ambiguous")

    def _within(self, leaf: Leaf) -> bool:
        """It is no more than a sum of money that the user wrote, or than this field in a record they named.

        Where a name fits several records, the least that any of them holds counts.
        """
        amount = number(leaf.value)
        if amount is None or amount < 0:
            return False
        if any(amount <= said for said in self._words.sums):
            return True
        return not self.partial and any(
            amount <= fits.lowest[name]
            for fits in self._index.fits.values()
            for name in fits.least
            if name.rsplit("/", 1)[-1] == leaf.name
        )

    def _of_text(self, text: str, found: set[Label], sources: list[Source]) -> None:
        if len(text) > _LONGEST_QUERY:
            found.update(("link", "private"))
            return
        if (self.partial or text in self._index.private) and not self._words.span(text):
            found.add("private")
        for token in text.split():
            bare = token.strip(EDGES)
            if not bare or bare.isalpha() or self._words.whole(bare):
                continue
            if bare in self._index.private:
                found.add("private")
            if _LINK.search(bare) and not self._said_address(bare):
                found.add("link")
            if len(sources) < MOST_SOURCES and len(bare) >= 4 and any(map(bare.__contains__, _TELLING)):
                for source in self._index.written_in(bare):
                    found.add(source.trust)  # type: ignore[arg-type]
                    sources.append(source)

    def _said_address(self, word: str) -> bool:
        reads: tuple[tuple[str, Any], ...] = (
            ("email", email(word)),
            ("url", url(word)),
            ("iban", iban(word)),
        )
        return any(read is not None and self._words.has_key((name, read)) for name, read in reads)


_TELLING = "0123456789@./"
"""A word with one of these is nobody's by chance."""
_UNSET: Any = object()
_LINK = re.compile(
    r"://|^www\.|@[\w-]+\.|^[A-Z]{2}\d{2}[A-Z0-9]{10,}$|(?<![\w-])[\w-]+\.[A-Za-z]{2,}(?:[/:?#]|$)", re.ASCII
)


def default_of(parameter: Any, schema: dict[str, Any]) -> Any:
    """The default that the tool's author gave a parameter, by its schema; a value that equals nothing: none."""
    if not isinstance(parameter, Parameter) or parameter.required:
        return _UNSET
    return schema.get("properties", {}).get(parameter.name, {}).get("default", _UNSET)


def _digits(value: Any) -> bool:
    return value.isdigit() if isinstance(value, str) else True
