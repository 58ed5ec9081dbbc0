"""What the command line prints: foreign text is data, whatever is in it."""

from __future__ import annotations

import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from licet.runtime.cli.terminal import cut, data, safe

ANYTHING = st.text(st.characters(exclude_categories=()))


@given(ANYTHING)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    shown = safe(text)
    assert not any(
        unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for character in shown
    )
    assert len(shown.splitlines()) <= 1


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_escapes_can_be_read() -> None:
    assert safe("a\x1b[31mb\r\n\u202ec\x9b\U000e0041") == "a\\x1b[31mb\\r\\n\\u202ec\\x9b\\U000e0041"


@given(ANYTHING)
def test_rich_takes_nothing_of_it_for_markup(text: str) -> None:
    out = io.StringIO()
    Console(file=out, width=100_000, markup=True, force_terminal=False).print(
        Text(safe(text)), soft_wrap=True
    )
    assert out.getvalue() == safe(text) + "\n"


@given(ANYTHING, st.integers(1, 50))
def test_what_is_cut_is_said_to_be_cut(text: str, most: int) -> None:
    shown = cut(text, most)
    assert shown == text if len(text) <= most else shown.startswith(text[:most] + "… (")


def test_json_data_is_on_one_line() -> None:
    assert data({"b": [1, None], "a": "x\ny"}) == '{"b":[1,null],"a":"x\\ny"}'
