"""Whether a value that a tool reads back is what a call of this run wrote, in whatever form the tool kept it.

Text is folded here, which nothing else of provenance does: capitals, accents, blanks and punctuation are left out of
account. So what is found may only ever take trust away. What the user wrote themselves, word for word, is no echo.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from licet.runtime.provenance.kinds import Key, key_of, keys_in, keys_of, money
from licet.runtime.provenance.words import EDGES, SHORT_NUMBER, Words

_RUN = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")
_TELLING = re.compile(r"[\d@./]")
_UNSEEN = ("Mn", "Me", "Cf")
"""Unicode's categories of accents, and of characters that show nothing."""
_SHORTEST_TELLING = 4
_GRAM = 8
"""Characters in a row that are one text's and another's hardly by chance."""
_LONGEST_NAME = 500
"""Characters of a text of which every eight letters in a row are kept; of a longer one, those with a digit."""


class Echoes:
    """What calls of a run wrote and nobody vouched for, by every form in which it is known again.

    It grows by what is written, and what it costs to ask depends on the value alone.
    """

    def __init__(self, words: Words) -> None:
        self._said = words
        self._keys: set[Key] = set()
        self._words: set[str] = set()
        self._telling: set[str] = set()
        self._rows: set[tuple[str, str, str]] = set()
        self._grams: set[str] = set()
        self._last: list[str] = []
        self._end = ""

    def wrote(self, values: Iterable[Any]) -> None:
        """Keep what one call was given, in that order: a tool may join it together, and to what it was given before."""
        runs: list[str] = []
        short: list[str] = []
        for value in values:
            if isinstance(value, str):
                found = self._keep(value)
                short += found if len(value) <= _LONGEST_NAME else ()
            else:
                key = key_of(None, value)
                self._keys.update(() if key is None else (key,))
                found = _RUN.findall(str(value))
                short += found
            runs += found
        self._words.update(runs)
        row = self._last + runs
        self._rows.update(zip(row, row[1:], row[2:], strict=False))
        self._last = row[-2:]
        text = self._end + "".join(short)
        self._grams.update(_grams(text))
        self._end = text[1 - _GRAM :]
        if len(short) < len(runs):
            joined = "".join(runs)
            for digit in _DIGIT.finditer(joined):
                self._grams.update(_grams(joined[max(0, digit.start() - _GRAM + 1) : digit.start() + _GRAM]))

    def _keep(self, text: str) -> list[str]:
        self._keys.update(keys_of(text) if text else ())
        words = [token.strip(EDGES) for token in text.split()]
        for word in words:
            if _TELLING.search(word):
                self._keep_keys(word)
        folded = fold(" ".join(words))
        self._telling.update(_telling(folded))
        return _RUN.findall(folded)

    def _keep_keys(self, word: str) -> None:
        amount = money(word)
        if amount is not None and amount not in self._said.amounts:
            self._keys.add(("number", amount))
        self._keys.update(key for key in keys_in(word) if key[0] != "number" and not self._said.has_key(key))

    def has_key(self, key: Key) -> bool:
        """Such an address or number was written, alone or in a text."""
        return key in self._keys

    def repeats(self, value: Any, keys: Iterable[Key]) -> bool:
        """The value was written, or is made of what was.

        Args:
            keys: what the value is compared by.
        """
        if not self._keys:
            return False
        if not self._keys.isdisjoint(keys):
            return True
        return isinstance(value, str) and self._is_made_of_it(value)

    def _is_made_of_it(self, text: str) -> bool:
        """Words that the user did not write decide: all of them were written, or one that is nobody's by chance, or
        one in a row of three; or, as if there were no blanks, all that they are, or eight in a row with a digit.
        """
        words = [token.strip(EDGES) for token in text.split()]
        rest = [word for word in words if word not in self._said.tokens]
        folded = fold(" ".join(rest))
        runs = _RUN.findall(folded)
        if not runs:
            return False
        if not self._words.isdisjoint(runs):
            if self._words.issuperset(runs) or not self._telling.isdisjoint(_telling(folded)):
                return True
            whole = runs if len(rest) == len(words) else _RUN.findall(fold(" ".join(words)))
            rows = self._rows.intersection(zip(whole, whole[1:], whole[2:], strict=False))
            foreign = {*runs}
            if any(not foreign.isdisjoint(row) for row in rows):
                return True
        return self._is_joined_of_it("".join(runs))

    def _is_joined_of_it(self, joined: str) -> bool:
        if len(joined) < _GRAM:
            return False
        if _DIGIT.search(joined):
            blocks = (joined[start : start + _GRAM] for start in range(0, len(joined), _GRAM))
            if any(block in self._grams and _DIGIT.search(block) for block in blocks):
                return True
        return all(gram in self._grams for gram in _grams(joined))


def fold(text: str) -> str:
    """The text without capitals, accents and other ways to write the same letters."""
    if text.isascii():
        return text.lower()
    spelled = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in spelled if unicodedata.category(letter) not in _UNSEEN)


def _grams(joined: str) -> Iterable[str]:
    return (joined[start : start + _GRAM] for start in range(len(joined) - _GRAM + 1))


def _telling(folded: str) -> Iterable[str]:
    """The words with a digit, an `@`, a dot or a slash in them, and the long numbers and codes inside them."""
    if not _TELLING.search(folded):
        return
    for word in folded.split():
        if not word.isalpha() and _TELLING.search(word):
            if len(word) >= _SHORTEST_TELLING:
                yield word
            if len(word) > SHORT_NUMBER:
                yield from (
                    run for run in _RUN.findall(word) if len(run) >= SHORT_NUMBER and _DIGIT.search(run)
                )
