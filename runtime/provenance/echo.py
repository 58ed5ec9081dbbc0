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

    def wrote(self, values: Iterable[Any]) -> None:
        """Keep what one call was given, in the order in which it was: a tool may join one value to the next."""
        runs: list[str] = []
        size = 0
        for value in values:
            if isinstance(value, str):
                size += len(value)
                runs += self._keep(value)
            else:
                key = key_of(None, value)
                if key is not None:
                    self._keys.add(key)
                    runs += _RUN.findall(str(value))
        self._words.update(runs)
        self._rows.update(zip(runs, runs[1:], runs[2:], strict=False))
        joined = "".join(runs)
        if size <= _LONGEST_NAME:
            self._grams.update(_grams(joined))
        else:
            for digit in _DIGIT.finditer(joined):
                self._grams.update(_grams(joined[max(0, digit.start() - _GRAM + 1) : digit.start() + _GRAM]))

    def _keep(self, text: str) -> list[str]:
        self._keys.update(keys_of(text) if text else ())
        runs: list[str] = []
        for token in text.split():
            folded = fold(token.strip(EDGES))
            found = _RUN.findall(folded)
            runs += found
            if _TELLING.search(folded):
                self._telling.update(_telling(folded, found))
                self._keep_keys(token.strip(EDGES))
        return runs

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
        whole = _RUN.findall(fold(text))
        if self._words.isdisjoint(whole) and sum(map(len, whole)) < _GRAM:
            return False
        rest = [bare for token in text.split() if (bare := token.strip(EDGES)) not in self._said.tokens]
        folded = [fold(token) for token in rest]
        runs = [run for token in folded for run in _RUN.findall(token)]
        if not runs:
            return False
        if self._words.issuperset(runs):
            return True
        for token in folded:
            if _TELLING.search(token) and not self._telling.isdisjoint(_telling(token, _RUN.findall(token))):
                return True
        rows = self._rows.intersection(zip(whole, whole[1:], whole[2:], strict=False))
        if rows and any(not {*row}.isdisjoint(runs) for row in rows):
            return True
        return self._is_joined_of_it("".join(runs))

    def _is_joined_of_it(self, joined: str) -> bool:
        if len(joined) < _GRAM:
            return False
        blocks = (joined[start : start + _GRAM] for start in range(0, len(joined), _GRAM))
        if any(block in self._grams and _DIGIT.search(block) for block in blocks):
            return True
        return all(gram in self._grams for gram in _grams(joined))


def fold(text: str) -> str:
    """The text without capitals, accents and other ways to write the same letters."""
    if text.isascii():
        return text.lower()
    spelled = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in spelled if not unicodedata.combining(letter))


def _grams(joined: str) -> Iterable[str]:
    return (joined[start : start + _GRAM] for start in range(len(joined) - _GRAM + 1))


def _telling(token: str, runs: list[str]) -> list[str]:
    """Of a word with a digit, an `@`, a dot or a slash in it: itself, and the long numbers and codes that it holds."""
    found = [token] if len(token) >= _SHORTEST_TELLING else []
    return found + [run for run in runs if len(run) >= SHORT_NUMBER and _DIGIT.search(run)]
