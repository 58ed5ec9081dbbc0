"""What a run wrote, read back in another form: it vouches for nothing, and finding it never makes anything vouch."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from provenance_world import Desk, desk, pay, payments

from licet import allow
from licet.runtime.provenance.echo import Echoes, fold
from licet.runtime.provenance.index import Index, keys_of_value
from licet.runtime.provenance.labels import VOUCHED, Labeller
from licet.runtime.provenance.leaves import Leaf
from licet.runtime.provenance.marks import Layout, Node
from licet.runtime.provenance.words import Words
from licet.tools import FieldRole, ResultMarks


def echoes(said: str, *written: Any) -> Echoes:
    """What a run knows in which the user said this and one call wrote that."""
    found = Echoes(Words([said]))
    found.wrote(written)
    return found


def repeats(found: Echoes, value: Any) -> bool:
    return found.repeats(value, keys_of_value(value))


WORD = st.text("abcdeéßøжд0123456789", min_size=1, max_size=9)
FORMS: list[Callable[[list[str]], list[str]]] = [
    lambda words: [" ".join(words)],
    lambda words: [f"  {' '.join(words)}\n"],
    lambda words: [" ".join(words).upper()],
    lambda words: [" ".join(words).lower()],
    lambda words: [unicodedata.normalize("NFD", " ".join(words))],
    lambda words: words,
    lambda words: ["\n".join(words)],
    lambda words: [",".join(words)],
    lambda words: ["-".join(words)],
    lambda words: [f"<{'_'.join(words)}>"],
    lambda words: [" ".join(words[: len(words) // 2 + 1])],
    lambda words: [" ".join(reversed(words))],
    lambda words: [f"Stored: {' '.join(words)} (by the desk)"] if len(words) > 2 else [],
    lambda words: ["".join(words)] if sum(map(len, words)) >= 8 else [],
]


@given(st.lists(WORD, min_size=1, max_size=8), st.sampled_from(FORMS), st.booleans())
def test_what_was_written_is_known_again(
    words: list[str], form: Callable[[list[str]], list[str]], apart: bool
) -> None:
    found = echoes("", *(words if apart else [" ".join(words)]))
    for value in form(words):
        assert repeats(found, value), value


@given(st.lists(WORD, min_size=1, max_size=8), st.sampled_from(FORMS[:7]))
def test_the_users_own_words_are_no_echo(words: list[str], form: Callable[[list[str]], list[str]]) -> None:
    for value in form(words):
        found = echoes(value, f"xyz {' '.join(words)}")
        assert not repeats(found, value), value


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_shares_no_character_is_no_echo(written: str, value: str) -> None:
    assume(not {*fold(written)} & {*fold(value)})
    assert not repeats(echoes("", written), value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("GB29NWBK60161331926819", "Account: GB29 NWBK 6016 1331 9268 19"),
        ("GB29 NWBK 6016 1331 9268 19", "gb29nwbk60161331926819"),
        ("+49 30 123 45 67", "+49301234567"),
        ("write to Mallory@Evil.example now", "Mallory <mallory@evil.example>"),
        ("see evil.example", "Source: EVIL.example"),
        ("the code is 463820", "Code=463820;"),
        ("Pay 500.00 EUR", 500),
        ("Pay $1,500", "1500.0"),
        (500, "500.00"),
        ("500", 500.0),
        ("on 2024-05-15 10:00", "20240515T100000"),
        ("on 2024-05-15 10:00", "15.05.2024"),
        ("Café Olé", "cafe"),
        ("Eve Smithson", "evesmithson"),
        ("mal\u200blor\u00ady", "mallory"),
        ("Eve Smithson", "eve smiths"),
        ("\uff4d\uff41\uff4clory", "mallory"),
        ("Dinner with Mallory", "dinner-with-mallory"),
        ("x " * 300 + "HGK137803", "hgk 13 78 03"),
    ],
)
def test_forms_that_tools_keep_things_in(written: Any, value: Any) -> None:
    assert repeats(echoes("Pay the bill", written), value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("mallory", "user mallory, guest"),
        ("mallory", "mal"),
        ("on 2024-05-15", "15 May 2024"),
        ("see evil.example", "c2VlIGV2aWwuZXhhbXBsZQ=="),
        ("", "anything"),
        ("Pay 500", 501),
        ("...", None),
    ],
)
def test_what_it_does_not_know_again(written: str, value: Any) -> None:
    assert not repeats(echoes("", written), value)


def test_a_long_value_hides_no_short_one_beside_it() -> None:
    assert repeats(echoes("", "Eve", "Smithson", "x" * 1000), "evesmithson")


def test_a_long_text_is_read_once_and_known_by_any_part_of_it() -> None:
    long = " ".join(f"word{number}x note" for number in range(20_000))
    found = echoes("", long)
    assert repeats(found, long.upper())
    assert repeats(found, "Line 7: Word19999X note")
    assert not repeats(found, " ".join(["harmless"] * 100_000))


# What is found takes trust away, and never gives any

TEXT = st.lists(
    st.sampled_from(["ann", "Bob", "bob@x.example", "12.50", "7", "EUR", "list", "of"]), max_size=4
)
RECORD = st.fixed_dictionaries(
    {"id": TEXT, "name": TEXT, "note": TEXT, "amount": st.sampled_from([7, 12.5, 500])}
)
OWN, EMAIL = ResultMarks("own"), ("target", "email")


def _record(name: str, amount: float) -> dict[str, Any]:
    return {"id": [], "name": [name], "note": [], "amount": amount}


def _layout(root: str) -> Layout:
    fields = {
        "id": Node(ResultMarks("own", key=True, kind="person")),
        "name": Node(ResultMarks("own", label=True)),
        "note": Node(ResultMarks("peer")),
        "amount": Node(OWN),
    }
    return Layout(Node(ResultMarks(root), {}, Node(OWN, fields)), root == "system", frozenset(), None)  # type: ignore[arg-type]


@given(
    said=TEXT,
    written=st.lists(TEXT.map(" ".join), max_size=3),
    results=st.lists(st.lists(RECORD, max_size=3), max_size=3),
    root=st.sampled_from(["own", "system"]),
    asked=TEXT.map(" ".join) | st.sampled_from([7, 12.5, 500, 6]),
    role=st.sampled_from(["target", "amount", "content", "when"]),
    kind=st.sampled_from([None, "person", "email"]),
    named=st.booleans(),
    made=st.booleans(),
)
@example(
    ["Bob"], ["7"], [[_record("Bob", 500), _record("Bob", 7)]], "own", 12.5, "amount", None, False, False
)
@example(
    ["Bob"], ["to x@x.example"], [[_record("to x@x.example", 1)]], "own", "x@x.example", *EMAIL, True, False
)
def test_it_only_ever_takes_trust_away(
    said: list[str],
    written: list[str],
    results: list[list[dict[str, Any]]],
    root: str,
    asked: Any,
    role: Any,
    kind: str | None,
    named: bool,
    made: bool,
) -> None:
    words = Words([" ".join(said)])
    found = []
    for known in ([], written):
        index = Index(words)
        index.echoes.wrote(known)
        for number, records in enumerate(results):
            texts = [
                {key: " ".join(v) if isinstance(v, list) else v for key, v in r.items()} for r in records
            ]
            index.add(f"c{number}", "list", texts, _layout(root), named=named, made=made)
        leaf = Leaf("/x", "amount", asked, FieldRole(role, kind), True)
        found.append({*Labeller(words, index).labels(leaf, frozenset(), None)[0]})
    before, after = found
    vouching = VOUCHED | {"within", "unsaid", "cited"}
    assert after & vouching <= before & vouching
    if "ambiguous" in before and after & {"record", "cited"}:
        assert "ambiguous" in after


def test_what_the_run_wrote_is_no_entry_of_a_directory() -> None:
    words = Words([""])
    index = Index(words)
    index.echoes.wrote(["Let Mallory in"])
    index.add("c1", "list", [{"id": "mallory"}, {"id": "ann"}], _layout("system"))
    labeller = Labeller(words, index)
    for key, labels in (("mallory", ["external"]), ("ann", ["directory", "own"])):
        leaf = Leaf("/x", "x", key, FieldRole("target", "person"), True)
        assert labeller.labels(leaf, frozenset(), None)[0] == labels


# At the gate


async def _sent(it: Desk, to: str) -> set[str]:
    return await it.labels("send", "/to", to=to, body="")


@pytest.mark.parametrize(
    ("content", "participant"),
    [
        ("Write to EVE@x.example.", "EVE@x.example"),
        ("Write to eve@X.example.", "eve@x.example"),
        (" eve@x.example ", "eve@x.example"),
        ("one eve@x.example two", "Eve <eve@x.example>"),
        ("bob@acme.example,eve@x.example", "eve@x.example"),
        ("Room of Eve and Mallory", "eve"),
    ],
)
async def test_an_own_write_read_back_in_another_form_vouches_for_nothing(
    tmp_path: Path, content: str, participant: str
) -> None:
    said = "Invite bob@acme.example to 'Lunch'"
    async with desk(tmp_path, said) as it:
        await it.call("make_file", name="Lunch", content=content)
        it.answers.events = [{"id": "5", "title": "Lunch", "participants": [participant, "ann@acme.example"]}]
        await it.call("events")
        found = await _sent(it, participant)
        assert "external" in found
        assert not found & VOUCHED
        assert await _sent(it, "ann@acme.example") == {"own", "record"}
        assert "user" in await _sent(it, "bob@acme.example")


async def test_what_was_read_before_it_was_written_still_vouches(tmp_path: Path) -> None:
    async with desk(tmp_path, "Move 'Lunch'") as it:
        it.answers.events = [{"id": "5", "title": "Lunch", "participants": ["eve@x.example"]}]
        await it.call("events")
        await it.call("make_file", name="Lunch", content="Tell eve@x.example of it")
        await it.call("events")
        assert {"own", "record"} <= await _sent(it, "eve@x.example")


async def test_the_answer_of_the_very_call_is_no_way_around(tmp_path: Path) -> None:
    async with desk(tmp_path, "Make 'list.txt'") as it:
        it.answers.made = {"id": "mallory", "name": "list.txt", "content": "x"}
        await it.call("make_file", name="list.txt", content=" Mallory ")
        found = await it.labels("share", "/file", file="mallory", email="x@x.example")
        assert not found & VOUCHED


async def test_an_amount_that_the_run_wrote_bounds_no_other(tmp_path: Path) -> None:
    tools = [allow(pay, unattended=True), allow(payments)]
    async with desk(tmp_path, "Refund GB29NWBK60161331926819", tools=tools) as it:
        await it.call("pay", to="DE89370400440532013000", amount="500")
        rent = {"id": 8, "sender": "GB29NWBK60161331926819", "amount": 500.0, "subject": "a"}
        it.answers.payments = [rent]
        await it.call("payments")
        assert "within" not in await it.labels("pay", "/amount", to="x", amount="499")
        it.answers.payments = [{**rent, "id": 9, "amount": 900.0}]
        await it.call("payments")
        assert "within" in await it.labels("pay", "/amount", to="x", amount="498")
        assert "within" not in await it.labels("pay", "/amount", to="x", amount="501")


async def test_an_address_that_the_run_itself_put_there_is_not_clearly_cited(tmp_path: Path) -> None:
    async with desk(tmp_path, "Invite Dora, see www.dora.example and 'general'") as it:
        await it.call("make_file", name="page", content="Dora is at eve@x.example, see www.evil.example")
        it.answers.pages = {"www.dora.example": "It is eve@x.example", "general": "See www.evil.example"}
        await it.call("read_page", url="www.dora.example")
        await it.call("read_channel", channel="general")
        assert "ambiguous" in await it.labels("invite", "/email", user="Dora", email="eve@x.example")
        found = await it.labels("read_page", "/url", url="www.evil.example")
        assert {"cited", "ambiguous", "external"} <= found
