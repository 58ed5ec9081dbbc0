"""The user's own words, and what in them a value can be compared with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from licet.runtime.provenance.dates import Times, read_times
from licet.runtime.provenance.kinds import Key, ascii_lower, caption, email, iban, money, url

EDGES = ".,;:!?()[]{}<>\"'`*_\u00ab\u00bb\u201c\u201d\u2018\u2019\u201e\u2026"
"""Punctuation that may stand around a word and is no part of it."""

_QUOTED = (
    re.compile(r"(?<!\w)'(.{1,2000}?)'(?!\w)", re.DOTALL),
    re.compile(r'"(.{1,2000}?)"', re.DOTALL),
    re.compile("\u201c(.{1,2000}?)\u201d", re.DOTALL),
    re.compile("\u201e(.{1,2000}?)[\u201c\u201d]", re.DOTALL),
    re.compile("\u00ab(.{1,2000}?)\u00bb", re.DOTALL),
    re.compile("\u2018(.{1,2000}?)\u2019(?!\\w)", re.DOTALL),
    re.compile(r"`(.{1,2000}?)`", re.DOTALL),
)
_BLOCKS = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?\b")
_HOLE = re.compile(r"\{[A-Za-z_][A-Za-z0-9_ ]*\}")
_NAMES_A_NUMBER = frozenset({"id", "no", "nr", "number", "#"})
_JOINS = "@.-/:_#+&=%~\\"
_CURRENCIES = frozenset(
    [
        "$",
        "€",
        "£",
        "¥",
        "eur",
        "usd",
        "gbp",
        "chf",
        "jpy",
        "euro",
        "euros",
        "dollar",
        "dollars",
        "pounds",
        "francs",
        "yen",
    ]
)
SHORT_NUMBER = 6
"""A number with fewer digits is in every text: it names a thing only when the words say what it numbers."""


class Words:
    """Everything the user said in a run.

    Attributes:
        tokens: whole words, as they stand and without the punctuation around them.
        quoted: what stands between quotation marks.
        amounts: numbers that are part of no date or time.
        sums: those of them that are written as money: with a currency, or with a decimal or thousands sign.
        times: days and times.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = [text for text in texts if text]
        self.tokens: set[str] = set()
        self.quoted: set[str] = set()
        self.amounts: set[Decimal] = set()
        self.sums: set[Decimal] = set()
        self.times = Times()
        self._keys: set[Key] = set()
        self._numbered: set[tuple[str, str]] = set()
        self._captions: list[str] = []
        self._templates: list[list[str]] = []
        for text in self.texts:
            self._read(text)

    def _read(self, text: str) -> None:
        times = read_times(text)
        self.times.days |= times.days
        self.times.clock |= times.clock
        self.times.said = self.times.said or times.said
        self._captions.append(ascii_lower(text))
        quoted = {found[1] for quotes in _QUOTED for found in quotes.finditer(text)}
        self.quoted |= quoted
        self._templates += [_HOLE.split(pattern) for pattern in sorted(quoted) if _HOLE.search(pattern)]
        for found in _BLOCKS.finditer(text):
            self._add_key("iban", iban(found[0]))
        for token in text.split():
            for form in {token, token.strip(EDGES)} - {""}:
                self.tokens.add(form)
                self._add_key("email", email(form))
                self._add_key("iban", iban(form))
                self._add_key("url", url(form) if "." in form else None)
        self._read_numbers(_without(text, times.spans))

    def _read_numbers(self, text: str) -> None:
        before = ""
        tokens = [token.strip(EDGES) for token in text.split()]
        for at, bare in enumerate(tokens):
            after = tokens[at + 1] if at + 1 < len(tokens) else ""
            amount = money(bare)
            if amount is not None:
                self.amounts.add(amount)
                if not bare.isdigit() or {before, after.lower()} & _CURRENCIES:
                    self.sums.add(amount)
            digits = bare.lstrip("#")
            if digits.isdigit():
                self._numbered.add(("#" if bare.startswith("#") else before, digits))
            if bare:
                before = bare.lower()

    def _add_key(self, family: str, read: object) -> None:
        if read is not None:
            self._keys.add((family, read))

    def whole(self, value: str) -> bool:
        """The user wrote this as a whole word, or between quotation marks."""
        return value in self.tokens or value in self.quoted

    def has_key(self, key: Key) -> bool:
        """The user wrote a value that its kind's parser reads as this one."""
        return key in self._keys

    def numbered(self, value: str, kind: str | None) -> bool:
        """The user named a thing by this number: `file 13`, `ID 13`, `#13`, `'13'`, or a number long enough to be
        none of theirs by chance.
        """
        if value in self.quoted or (len(value) >= SHORT_NUMBER and value in self.tokens):
            return True
        words = {*_NAMES_A_NUMBER, *(kind or "").lower().split("_")} - {""}
        return any((word, value) in self._numbered for word in words)

    def span(self, value: str) -> bool:
        """It stands in the user's words as it is, beginning and ending with a whole word."""
        return bool(value.strip()) and any(_stands_in(value, text) for text in self.texts)

    def span_but_for_case(self, value: str) -> bool:
        """`span`, with ASCII capitals left out of account; for values of kind `caption`."""
        folded = caption(value)
        return bool(folded and folded.strip()) and any(
            _stands_in(folded or "", text) for text in self._captions
        )

    def fills(self, value: str) -> Iterator[list[str]]:
        """What stands in the holes when a quoted pattern of the user's, `Dinner at {restaurant}`, gives this value."""
        for first, *rest in self._templates:
            filled = _fill(value, first, rest)
            if filled is not None:
                yield filled

    def names(self, value: str) -> bool:
        """The user called something by this: a whole word, a quotation, or several words in a row."""
        if value.isdigit():
            return self.numbered(value, None)
        return self.whole(value) or (" " in value and self.span(value))

    def said(self, value: str, role: str, kind: str | None, key: Key | None) -> bool:
        """The user wrote this value as a whole; for a declared kind, another spelling of it."""
        if isinstance(key, tuple):
            if key[0] != "number":
                return self.has_key(key) or self.whole(value)
            if role == "amount":
                return key[1] in self.amounts
        if value.isdigit() and role != "amount":
            return self.numbered(value, kind)
        return self.whole(value)


def _stands_in(value: str, text: str) -> bool:
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        if _edge(text, start - 1, -1, value[0]) and _edge(text, end, 1, value[-1]):
            return True
        start = text.find(value, start + 1)
    return False


def _edge(text: str, at: int, step: int, last: str) -> bool:
    """Nothing at this place goes on with the word that `last` is the end of."""
    if not 0 <= at < len(text) or not (last.isalnum() or last in _JOINS):
        return True
    if text[at].isalnum() or text[at] == "_":
        return not last.isalnum() and last not in _JOINS
    beyond = at + step
    return not (text[at] in _JOINS and 0 <= beyond < len(text) and text[beyond].isalnum())


def _fill(value: str, first: str, rest: list[str]) -> list[str] | None:
    """Each hole ends where the words after it stand first, so that no value takes long."""
    if not value.startswith(first):
        return None
    filled, at = [], len(first)
    for number, part in enumerate(rest):
        last = number == len(rest) - 1
        end = (len(value) - len(part) if value.endswith(part) else -1) if last else value.find(part, at + 1)
        if end <= at:
            return None
        filled.append(value[at:end])
        at = end + len(part)
    return filled


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def texts_in(value: object) -> Iterator[str]:
    """Every text in a run's input, which may be JSON data; numbers as a person would write them."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield str(item)
