"""Which labels a value gets: what vouches for it, and everything that looks alike and does not."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from re._parser import parse as parse_pattern  # type: ignore[import-not-found]
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provenance_world import TOOLS, desk, pay, plain, send

from licet import allow, exactly
from licet.runtime.provenance.dates import read_moment, read_times, said_of
from licet.runtime.provenance.kinds import email, iban, number, url
from licet.runtime.provenance.labels import _LINK, _LONGEST_QUERY
from licet.runtime.provenance.words import Words

VOUCHING = {"user", "words", "template", "record", "made", "directory", "system", "own", "within"}


@pytest.mark.parametrize(
    ("said", "proposed"),
    [
        ("Write to bob@acme.example, please.", "bob@acme.example"),
        ("Write to (bob@acme.example).", "bob@acme.example"),
        ("Write to Bob@ACME.example", "Bob@acme.EXAMPLE"),
        ("Write to 'bob@acme.example'", "bob@acme.example"),
    ],
)
async def test_a_whole_word_of_the_users_is_theirs(tmp_path: Path, said: str, proposed: str) -> None:
    async with desk(tmp_path, said) as it:
        assert "user" in await it.labels("send", "/to", to=proposed, body="x")


@pytest.mark.parametrize(
    ("said", "proposed"),
    [
        ("Write to bob@acme.example.org", "bob@acme.example"),
        ("Write to jim-bob@acme.example", "bob@acme.example"),
        ("Write to bob@acme.example", "bob@acme.example.org"),
        ("Write to bob@acme.example", "b\u043eb@acme.example"),
        ("Write to bob@acme.example", "bob@acme.\uff45xample"),
        ("Write to bob @acme.example", "bob@acme.example"),
        ("Write to bob", "bob@acme.example"),
        ("Write to bob@acme.example", "BOB@acme.example"),
        ("Write to stra\u00dfe@acme.example", "strasse@acme.example"),
    ],
)
async def test_what_only_looks_like_a_word_of_the_users_comes_from_nowhere(
    tmp_path: Path, said: str, proposed: str
) -> None:
    async with desk(tmp_path, said) as it:
        assert await it.labels("send", "/to", to=proposed, body="x") == {"model"}


async def test_the_users_words_are_all_texts_of_a_structured_input(tmp_path: Path) -> None:
    said = {"ticket": {"from": "bob@acme.example", "lines": ["hello", 12.5]}}
    async with desk(tmp_path, said) as it:
        assert "user" in await it.labels("send", "/to", to="bob@acme.example", body="x")
        assert "user" in await it.labels("pay", "/amount", to="x", amount="12.50")


@pytest.mark.parametrize("proposed", ["GB29NWBK60161331926819", "GB29 NWBK 6016 1331 9268 19"])
@pytest.mark.parametrize(
    "said", ["Pay GB29 NWBK 6016 1331 9268 19 today", "Pay GB29NWBK60161331926819, please"]
)
async def test_an_iban_is_the_same_with_and_without_blanks(tmp_path: Path, said: str, proposed: str) -> None:
    async with desk(tmp_path, said) as it:
        assert "user" in await it.labels("pay", "/to", to=proposed, amount="1")
        assert await it.labels("pay", "/to", to="GB29NWBK60161331926810", amount="1") == {"model"}


@pytest.mark.parametrize(
    ("said", "amount", "expected"),
    [
        ("Pay 1,200.00 EUR", "1200", {"user", "within"}),
        ("Pay 1.200,50", "1200.5", {"user", "within"}),
        ("Pay $30,000", "30000.00", {"user", "within"}),
        ("Pay 50EUR", "50", {"user", "within"}),
        ("Pay 12.00", "12.01", {"model"}),
        ("Pay 12.00", "11.99", {"within"}),
        ("Pay 12.00", "-12", {"model"}),
        ("Pay 50 EUR", "40", {"within"}),
        ("Refund order 1200", "900", {"model"}),
        ("Refund order #1200", "900", {"model"}),
        ("It rose by 10%", "10", {"model"}),
        ("Due on 2024-05-20", "20", {"model"}),
        ("Due on May 15th, 2024", "15", {"model"}),
        ("Come at 10:30", "10", {"model"}),
        ("Order A-1200", "1200", {"model"}),
    ],
)
async def test_a_number_is_the_users_when_they_wrote_that_number(
    tmp_path: Path, said: str, amount: str, expected: set[str]
) -> None:
    async with desk(tmp_path, said) as it:
        assert await it.labels("pay", "/amount", to="x", amount=amount) == expected


@pytest.mark.parametrize(
    ("said", "file", "vouched"),
    [
        ("Share file 13", "13", True),
        ("Share the file with ID 13", "13", True),
        ("Share #13", "13", True),
        ("Share '13'", "13", True),
        ("Share file 4711001", "4711001", True),
        ("What happens on June 13?", "13", False),
        ("Share 13 pages", "13", False),
        ("Share file 131", "13", False),
    ],
)
async def test_a_short_number_names_a_thing_only_when_the_words_say_so(
    tmp_path: Path, said: str, file: str, vouched: bool
) -> None:
    async with desk(tmp_path, said) as it:
        found = await it.labels("share", "/file", file=file, email="x@y.example")
        assert ("user" in found) is vouched


@pytest.mark.parametrize(
    ("said", "when", "expected"),
    [
        ("Move it to 2024-05-19 at 12:00", "2024-05-19 12:00", {"user"}),
        ("Move it to 2024-05-19 at 12:00", "2024-05-19 13:00", {"dated"}),
        ("Move it to 2024-05-19 at 12:00", "2024-05-20 12:00", {"model"}),
        ("Move it to 2024-05-19", "2024-05-19T00:00:00+02:00", {"dated"}),
        ("from January 11th to January 15th 2025", "2025-01-11", {"user"}),
        ("from January 11th to January 15th 2025", "2024-01-11", {"model"}),
        ("on the 14th of November", "2023-11-14 18:00", {"dated"}),
        ("on 3 March 2024, 6 PM", "2024-03-03 18:00", {"user"}),
        ("on 03.04.2024", "2024-04-03", {"user"}),
        ("on 04/03/2024", "2024-04-03", {"unsaid"}),
        ("Move it", "2024-05-19", {"unsaid"}),
        ("Move it to tomorrow", "2024-05-19", {"model"}),
        ("Move it to 31 February", "2024-02-28", {"unsaid"}),
        ("Move it", "next week", {"model"}),
    ],
)
async def test_a_day_is_the_users_when_they_wrote_it(
    tmp_path: Path, said: str, when: str, expected: set[str]
) -> None:
    async with desk(tmp_path, said) as it:
        assert await it.labels("move", "/to", event="x", to=when) - {"words"} == expected


async def test_text_is_the_users_when_they_wrote_it_in_a_row(tmp_path: Path) -> None:
    said = "Tell Bob: I've seen it in the meeting room! Titled 'Dinner at {place}', Grüße."
    async with desk(tmp_path, said) as it:
        for text in ("I've seen it in the meeting room!", "seen it in the meeting room", "Grüße."):
            assert "words" in await it.labels("send", "/body", to="x", body=text), text
        for text in (
            "I've seen it in the meeting",
            "seen it in the  meeting room",
            "Seen it in the meeting room",
            "it seen in the meeting room",
            "Gru\u0308\u00dfe.",
            "een it in the meeting room",
        ):
            found = await it.labels("send", "/body", to="x", body=text)
            assert ("words" in found) is (text == "I've seen it in the meeting"), text


async def test_capitals_do_not_count_where_the_author_says_so_and_nowhere_else(tmp_path: Path) -> None:
    async with desk(tmp_path, "Please refund them; größe") as it:
        assert await it.labels("pay", "/subject", to="x", amount="1", subject="Refund") == {"words"}
        assert await it.labels("pay", "/subject", to="x", amount="1", subject="GRÖßE") == {"model"}
        assert await it.labels("send", "/body", to="x", body="Refund") == {"model"}


async def test_a_pattern_of_the_users_is_filled_with_the_applications_data(tmp_path: Path) -> None:
    async with desk(tmp_path, "Use the title 'Dinner with {name}'") as it:
        it.answers.people = [{"email": "sue@acme.example", "name": "Sue Baker", "number": "4711-0815"}]
        it.answers.pages = {"www.a.example": "Dinner with Mallory tonight"}
        await it.call("people")
        await it.call("read_page", url="www.a.example")

        async def of(subject: str) -> set[str]:
            return await it.labels("send", "/subject", to="x", body="", subject=subject)

        assert "template" in await of("Dinner with Sue Baker")
        assert "template" not in await of("Dinner with Mallory")
        assert "template" not in await of("Dinner with Sue")
        assert "template" not in await of("Dinner with 4711-0815")
        assert "template" not in await of("dinner with Sue Baker")


async def test_a_field_of_a_record_that_the_user_named(tmp_path: Path) -> None:
    async with desk(tmp_path, "Move the 'Board meeting' to 2024-05-19") as it:
        it.answers.events = [
            {"id": "5", "title": "Board meeting", "participants": ["eve@x.example"], "note": "id 9"},
            {"id": "6", "title": "Lunch", "participants": ["mallory@x.example"]},
        ]
        await it.call("events")
        assert await it.labels("move", "/event", event="5", to="2024-05-19") == {"own", "record"}
        assert await it.labels("move", "/event", event="6", to="2024-05-19") == {"own"}
        assert "record" not in await it.labels("move", "/event", event="9", to="2024-05-19")
        assert "record" not in await it.labels("share", "/file", file="5", email="x"), "another kind of id"
        assert "record" in await it.labels("send", "/to", to="eve@x.example", body="")
        assert "record" not in await it.labels("send", "/to", to="mallory@x.example", body="")
        source = (await _sources(it, "move", "/event", event="5", to="2024-05-19"))[0]
        assert source == {"call": "c1", "tool": "events", "path": "/0/id", "trust": "own"}


async def _sources(it: Any, name: str, pointer: str, **arguments: Any) -> list[dict[str, str]]:
    await it.call(name, **arguments)
    found: list[dict[str, str]] = it.asked["call"]["provenance"][pointer]["sources"]
    return found


async def test_a_name_that_fits_two_records_is_ambiguous(tmp_path: Path) -> None:
    async with desk(tmp_path, "Move 'Lunch' to 2024-05-19") as it:
        it.answers.events = [
            {"id": "5", "title": "Lunch", "participants": ["both@x.example", "one@x.example"]},
        ]
        await it.call("events")
        assert "ambiguous" not in await it.labels("move", "/event", event="5", to="2024-05-19")
        it.answers.events.append({"id": "6", "title": "Lunch", "participants": ["both@x.example"]})
        await it.call("events")
        for event in ("5", "6"):
            assert "ambiguous" in await it.labels("move", "/event", event=event, to="2024-05-19")
        assert "ambiguous" not in await it.labels("send", "/to", to="both@x.example", body="")
        assert "ambiguous" in await it.labels("send", "/to", to="one@x.example", body="")


async def test_the_same_record_read_twice_is_one(tmp_path: Path) -> None:
    async with desk(tmp_path, "Move 'Lunch' to 2024-05-19") as it:
        it.answers.events = [{"id": "5", "title": "Lunch", "participants": []}]
        await it.call("events")
        await it.call("events")
        assert "ambiguous" not in await it.labels("move", "/event", event="5", to="2024-05-19")


async def test_an_amount_is_bounded_by_what_the_user_or_their_record_says(tmp_path: Path) -> None:
    async with desk(tmp_path, "Refund GB29NWBK60161331926819, and what I pay for Spotify") as it:
        it.answers.payments = [
            {"id": 8, "sender": "GB29NWBK60161331926819", "amount": 10.0, "subject": "Spotify Premium"},
            {"id": 900, "sender": "DE89370400440532013000", "amount": 500.0, "subject": "rent"},
        ]
        await it.call("payments")
        assert {"record", "within"} <= await it.labels("pay", "/amount", to="x", amount="10.00")
        assert "within" in await it.labels("pay", "/amount", to="x", amount="4")
        assert await it.labels("pay", "/amount", to="x", amount="500") == {"system"}
        assert not VOUCHING & await it.labels("pay", "/amount", to="x", amount="10.01")
        assert not {"record", "within"} & await it.labels("pay", "/amount", to="x", amount="900"), "an id"
        assert "record" not in await it.labels("pay", "/to", to="DE89370400440532013000", amount="1")


async def test_where_a_name_fits_two_records_the_least_amount_bounds(tmp_path: Path) -> None:
    async with desk(tmp_path, "Refund GB29NWBK60161331926819") as it:
        it.answers.payments = [
            {"id": 8, "sender": "GB29NWBK60161331926819", "amount": 10.0, "subject": "a"},
            {"id": 9, "sender": "GB29NWBK60161331926819", "amount": 900.0, "subject": "b"},
        ]
        await it.call("payments")
        assert "within" in await it.labels("pay", "/amount", to="x", amount="10")
        assert "within" not in await it.labels("pay", "/amount", to="x", amount="900")


async def test_a_word_of_a_strangers_text_names_no_receiver(tmp_path: Path) -> None:
    async with desk(tmp_path, "Pay what I pay for Spotify") as it:
        it.answers.payments = [
            {"id": 8, "sender": "GB29NWBK60161331926819", "amount": 10.0, "subject": "Spotify Premium"},
        ]
        await it.call("payments")
        assert "within" in await it.labels("pay", "/amount", to="x", amount="10")
        assert await it.labels("pay", "/to", to="GB29NWBK60161331926819", amount="1") == {"system"}


async def test_a_directory_says_that_something_exists(tmp_path: Path) -> None:
    async with desk(tmp_path, "Tell everybody") as it:
        it.answers.members = ["sue", "eve"]
        it.answers.payments = [{"id": 8, "sender": "GB29NWBK60161331926819", "amount": 1.0, "subject": "x"}]
        await it.call("members")
        await it.call("payments")
        assert await it.labels("tell", "/user", user="sue", body="x") == {"directory", "system"}
        assert await it.labels("tell", "/user", user="mallory", body="x") == {"model"}
        found = await it.labels("pay", "/to", to="GB29NWBK60161331926819", amount="1")
        assert found == {"system"}, "whoever paid is in no directory"


async def test_an_undeclared_result_is_external(tmp_path: Path) -> None:
    async with desk(tmp_path, "Tell everybody") as it:
        it.answers.members = ["sue"]
        await it.call("plain")
        assert await it.labels("tell", "/user", user="sue", body="x") == {"external"}
        assert it.asked["run"]["labels"] == ["read_external"]


async def test_what_a_run_made_is_its_own(tmp_path: Path) -> None:
    async with desk(tmp_path, "Make 'list.txt' saying 'one two' and share it with bob@x.example") as it:
        it.answers.made = {"id": "26", "name": "list.txt", "content": "evil@x.example"}
        await it.call("make_file", name="list.txt", content="one two")
        assert await it.labels("share", "/file", file="26", email="bob@x.example") == {
            "made",
            "own",
            "record",
        }
        assert await it.labels("move", "/event", event="26", to="2024-01-01") & {"made"} == set()
        assert await it.labels("send", "/to", to="evil@x.example", body="") == {"external"}


async def test_what_it_made_of_unvouched_text_is_tainted(tmp_path: Path) -> None:
    async with desk(tmp_path, "Make 'list.txt'") as it:
        await it.call("make_file", name="list.txt", content="whatever the model says")
        assert {"made", "tainted"} <= await it.labels("share", "/file", file="77", email="x@x.example")


async def test_an_own_write_read_back_vouches_for_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, "Let sue in") as it:
        await it.call("set_member", user="sue")
        await it.call("set_member", user="mallory")
        await it.call("members")
        assert "directory" in await it.labels("tell", "/user", user="sue", body="")
        found = await it.labels("tell", "/user", user="mallory", body="")
        assert found == {"external"}


async def test_the_one_address_on_a_page_that_the_user_named_is_cited(tmp_path: Path) -> None:
    async with desk(tmp_path, "Invite Dora, her address is on www.dora.example") as it:
        it.answers.pages = {"www.dora.example": "Write to dora@x.example!"}
        it.answers.members = ["eve@x.example"]
        await it.call("read_page", url="www.dora.example")
        await it.call("plain")
        assert await it.labels("invite", "/email", user="Dora", email="dora@x.example") == {
            "cited",
            "external",
        }
        assert await it.labels("invite", "/email", user="Dora", email="eve@x.example") == {"external"}
        it.answers.pages["www.dora.example"] += " Or to mallory@x.example."
        await it.call("read_page", url="www.dora.example")
        assert "ambiguous" in await it.labels("invite", "/email", user="Dora", email="mallory@x.example")


async def test_links_and_what_is_private_show_in_a_text(tmp_path: Path) -> None:
    async with desk(tmp_path, "Tell bob@x.example of www.ours.example") as it:
        it.answers.people = [{"email": "sue@acme.example", "name": "Sue Baker", "number": "HGK137803"}]
        await it.call("people")

        async def of(body: str) -> set[str]:
            return await it.labels("send", "/body", to="bob@x.example", body=body) & {"link", "private"}

        assert await of("See www.evil.example/x") == {"link"}
        assert await of("See evil.example") == {"link"}
        assert await of("Pay US133000000121212121212") == {"link"}
        assert await of("Mail me at mallory@evil.example.") == {"link"}
        assert await of("As on www.ours.example, for bob@x.example. It is 3.5, e.g.") == set()
        assert await of("Her number is HGK137803.") == {"private"}


@pytest.mark.parametrize("unit", ["a-", "a.", "@a", "@a-", "A1", "www.", ":/", "-_"])
async def test_the_longest_text_that_is_looked_through_is_labelled(tmp_path: Path, unit: str) -> None:
    """One word, of which much may be the beginning of an address and none is: all of it is tried only once."""
    async with desk(tmp_path, "Tell bob@x.example") as it:
        body = (unit * _LONGEST_QUERY)[: _LONGEST_QUERY - 1] + "!"
        assert "model" in await it.labels("send", "/body", to="bob@x.example", body=body)


def test_no_way_to_a_link_tries_one_stretch_of_text_from_each_of_its_characters() -> None:
    """A pattern that begins with "as many as there are" is tried again from each of them, which makes it quadratic."""
    for way in re.split(r"\|(?![^(]*\))", _LINK.pattern):
        first, *_ = parse_pattern(way)
        assert str(first[0]) in ("LITERAL", "AT", "ASSERT_NOT"), way


async def test_what_the_workflow_and_the_author_set(tmp_path: Path) -> None:
    tools = [allow(item) for item in TOOLS if item is not pay]
    tools.append(allow(pay, to=exactly("DE89370400440532013000")))
    async with desk(tmp_path, "recurring, please", tools=tools) as it:
        args: dict[str, Any] = {"to": "DE89370400440532013000", "amount": "1"}
        assert "workflow" in await it.labels("pay", "/to", **args)
        assert await it.labels("pay", "/recurring", **args) == {"default", "narrow"}
        assert await it.labels("pay", "/subject", **args) == {"nothing"}
        assert await it.labels("pay", "/recurring", **args, recurring=True) == {"user"}


async def test_a_wider_flag_is_nobodys(tmp_path: Path) -> None:
    async with desk(tmp_path, "Share file 13 with bob@x.example, to read") as it:
        args = {"file": "13", "email": "bob@x.example"}
        assert await it.labels("share", "/permission", **args, permission="rw") == {"model"}
        assert "narrow" in await it.labels("share", "/permission", **args, permission="r")


async def test_no_labels_where_no_tool_says_anything_of_trust(tmp_path: Path) -> None:
    async with desk(tmp_path, "Write to bob@x.example", tools=[allow(plain), allow(send)]) as it:
        await it.call("plain")
        assert await it.labels("send", "/to", to="bob@x.example", body="x") == set()
        assert it.asked["run"]["labels"] == []


@given(st.text(), st.text())
def test_no_text_is_the_users_unless_it_stands_in_what_they_wrote(said: str, value: str) -> None:
    words = Words([said])
    if words.whole(value) or words.span(value):
        assert value in said
    assert not words.whole(said + "x")


@given(st.text(max_size=40))
def test_parsers_read_whole_values_or_nothing(text: str) -> None:
    for parse in (email, iban, number, url):
        read = parse(text)
        assert read is None or text.isascii()
    times = read_times(text)
    moment = read_moment(text)
    assert moment is None or said_of(moment, times) in ("user", "dated", None)


@given(st.decimals(min_value=0, max_value=10**9, places=2))
def test_every_spelling_of_a_number_is_that_number(amount: Decimal) -> None:
    for spelled in (f"{amount}", f"{amount:,}"):
        assert number(spelled) == amount
    german = f"{amount:,}".translate(str.maketrans(",.", ".,"))
    assert number(german) == amount
