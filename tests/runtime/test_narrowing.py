"""What a bound lets through, and what it never does."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from licet.audit.errors import ConfigurationError
from licet.runtime.narrowing import at_least, at_most, between, exactly, matches, one_of
from licet.runtime.workflow import Allowance, Workflow, allow
from licet.tools import StringCoded, tool, tool_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    country: str
    zip_code: str = Field("", alias="zipCode")


class Item(BaseModel):
    price: Decimal


@tool(effect="write")
def update_transfer(id: int, amount: Decimal | None = None, note: str | None = None) -> None:
    """Change a scheduled transfer; what is not given stays."""


@tool(effect="write")
def order(
    price: Decimal,
    count: int = 1,
    weight: float = 1.0,
    serial: Annotated[int, StringCoded] = 1,
    currency: str = "EUR",
    colour: Colour = Colour.RED,
    size: Literal["s", "m"] = "s",
    express: bool = False,
    due: datetime | None = None,
    address: Address | None = None,
    items: list[Item] = [],  # noqa: B006
    receivers: list[str] = [],  # noqa: B006
) -> None:
    """Order something."""


def outside(allowance: Allowance, **arguments: Any) -> list[tuple[str, str]]:
    given_call = tool_of(order).parse({"price": 1, **arguments})
    return [(fault.path, fault.message) for fault in allowance.outside(given_call)]


def test_a_number_is_bounded_on_either_side_inclusively() -> None:
    narrowed = allow(order, price=between("1.10", 5))
    assert outside(narrowed, price="1.1") == []
    assert outside(narrowed, price=5) == []
    assert outside(narrowed, price="1.09") == [("price", "must be from 1.1 to 5")]
    assert outside(narrowed, price="5.0000000000000000000000000000000001") != []
    assert outside(allow(order, price=at_least("2")), price="1.99") == [("price", "must be at least 2")]
    assert outside(allow(order, price=at_most("2")), price="2.01") == [("price", "must be at most 2")]


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9),
    st.data(),
)
def test_what_at_most_lets_through_is_never_more_however_it_is_spelled(
    limit: Decimal, data: st.DataObject
) -> None:
    near = data.draw(st.sampled_from([Decimal(0), Decimal("1e-30"), Decimal("-1e-30"), Decimal(1)]))
    value = Decimal(int(limit * 10**4) * 10**26 + int(near * 10**30)).scaleb(-30)
    spelling = data.draw(st.sampled_from([str(value), f"{value:e}", f"{value:f}", f"{value:.40f}"]))
    exact_value = Decimal(spelling)
    limits: list[Decimal | str] = [limit, str(limit), f"{limit:e}"]
    bound = at_most(data.draw(st.sampled_from(limits)))
    call = tool_of(order).parse(f'{{"price": {spelling}}}')
    refused = allow(order, price=bound).outside(call)
    assert bool(refused) == (exact_value > limit)


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20))
def test_integers_of_any_length_are_compared_exactly(value: int, limit: int) -> None:
    assert (at_most(limit).fault(value) is None) == (value <= limit)
    assert (at_least(limit).fault(value) is None) == (value >= limit)
    assert (exactly(limit).fault(value) is None) == (value == limit)


def test_a_float_counts_as_it_is_written() -> None:
    assert outside(allow(order, weight=at_most("0.1")), weight=0.1) == []
    assert outside(allow(order, weight=at_most("0.1")), weight=0.10000000000000002) != []


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), Decimal("NaN"), True, "1", None, [], {}, object()]
)
def test_what_is_no_number_is_never_inside_a_range(value: object) -> None:
    bound = at_most(5)
    assert bound.fault(value) is not None or value == []


def test_an_argument_that_is_not_given_is_outside_unless_the_bound_says_otherwise() -> None:
    strict, lenient = (
        allow(update_transfer, amount=at_most(5)),
        allow(update_transfer, amount=at_most(5, or_absent=True)),
    )
    parse = tool_of(update_transfer).parse
    for call in (parse({"id": 1}), parse({"id": 1, "amount": None})):
        assert [fault.path for fault in strict.outside(call)] == ["amount"]
        assert lenient.outside(call) == []
    assert lenient.outside(parse({"id": 1, "amount": 6})) != []


def test_none_can_be_what_is_demanded() -> None:
    narrowed = allow(update_transfer, amount=exactly(None), note=one_of("rent", None))
    parse = tool_of(update_transfer).parse
    assert narrowed.outside(parse({"id": 1})) == []
    assert [fault.path for fault in narrowed.outside(parse({"id": 1, "amount": 1, "note": "x"}))] == [
        "amount",
        "note",
    ]


def test_a_default_that_the_tool_fills_in_is_bounded_like_any_value() -> None:
    assert outside(allow(order, count=at_least(2))) == [("count", "must be at least 2")]


def test_a_choice_compares_text_by_character_and_numbers_as_numbers() -> None:
    assert outside(allow(order, currency=one_of("EUR", "USD")), currency="EUR") == []
    assert outside(allow(order, currency=one_of("EUR", "USD")), currency="eur") == [
        ("currency", 'must be one of "EUR", "USD"')
    ]
    assert outside(allow(order, price=one_of("5.00", 7)), price=5) == []
    assert outside(allow(order, express=exactly(True)), express=False) == [
        ("express", "must be exactly true")
    ]
    assert one_of(1).fault(True) is not None
    assert one_of(True).fault(1) is not None


def test_a_plain_value_means_exactly_that() -> None:
    assert allow(order, currency="EUR").content() == allow(order, currency=exactly("EUR")).content()


def test_enums_and_times_are_compared_as_json_has_them() -> None:
    assert outside(allow(order, colour="red"), colour="red") == []
    assert outside(allow(order, colour="red"), colour="blue") != []
    moment = datetime(2026, 1, 2, tzinfo=UTC).isoformat()
    assert outside(allow(order, due=matches("2026-.*")), due=moment) == []
    assert outside(allow(order, due=matches("2027-.*")), due=moment) != []


def test_a_string_coded_integer_is_a_number() -> None:
    assert outside(allow(order, serial=at_most(10**30)), serial=str(10**30)) == []
    assert outside(allow(order, serial=at_most(10**30)), serial=str(10**30 + 1)) != []


def test_a_pattern_matches_the_whole_text() -> None:
    narrowed = allow(order, currency=matches("EUR|US"))
    assert outside(narrowed, currency="US") == []
    for text in ("USD", "xEUR", "EUR\n", "", "EURUS"):
        assert outside(narrowed, currency=text) != []


def test_a_pattern_takes_no_time_to_speak_of_and_no_text_without_end() -> None:
    # With backtracking this one would not end before the universe does.
    assert matches("(a+)+b").fault("a" * 9_999) is not None
    assert matches("a*").fault("a" * 10_000) is None
    assert matches("a*").fault("a" * 10_001) is not None


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("a)|(b", "unopened group"),
        ("(?=a)a", "look-around"),
        (r"(a)\1", "backreferences"),
        ("[", "unclosed"),
        ("((a{1000}){1000}){1000}", "size limit"),
        ("(?x)a # comment", "unclosed group"),
        ("a" * 1001, "longer than 1000"),
    ],
)
def test_a_pattern_that_cannot_be_matched_in_linear_time_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        matches(pattern)


def test_every_element_of_a_list_must_be_inside() -> None:
    narrowed = allow(order, receivers=matches(r".*@acme\.example"))
    assert outside(narrowed, receivers=["a@acme.example", "b@acme.example"]) == []
    assert outside(narrowed, receivers=["a@acme.example", "b@evil.example"]) != []
    assert outside(allow(order, receivers=exactly(["a", "b"])), receivers=["a", "b"]) == []
    assert outside(allow(order, receivers=exactly(["a", "b"])), receivers=["b", "a"]) != []


def test_a_path_leads_to_values_inside_by_the_names_the_model_sees() -> None:
    bounds: dict[str, Any] = {
        "address.country": one_of("DE"),
        "address.zipCode": matches("1.*"),
        "items.price": at_most(9),
    }
    narrowed = allow(order, **bounds)
    inside = {"country": "DE", "zipCode": "10115"}
    assert outside(narrowed, address=inside, items=[{"price": 9}]) == []
    assert outside(narrowed, address={"country": "FR", "zipCode": "10115"}) == [
        ("address/country", 'must be one of "DE"')
    ]
    assert outside(narrowed, address=inside, items=[{"price": 9}, {"price": 10}]) == [
        ("items/1/price", "must be at most 9")
    ]
    assert {path for path, _ in outside(narrowed)} == {"address/country", "address/zipCode"}


def test_a_fault_never_quotes_the_argument() -> None:
    narrowed = allow(order, price=at_most(1), currency=one_of("EUR"), address=exactly(None))
    told = outside(narrowed, price=4711, currency="hunter2", address={"country": "secret"})
    assert len(told) == 3
    assert not any(word in message for _, message in told for word in ("4711", "hunter2", "secret"))


@pytest.mark.parametrize(
    "value", [0.1, float("nan"), True, "abc", "1,5", "NaN", "٣", Decimal("Infinity"), "1e999", None, []]
)
def test_a_limit_that_is_not_an_exact_number_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="at_most"):
        at_most(value)


@pytest.mark.parametrize(
    "bound",
    [
        {},
        {"or_absent": True},
        {"at_most": None},
        {"one_of": []},
        {"one_of": "EUR"},
        {"one_of": [{"a": 1}]},
        {"matches": "a", "at_most": 1},
        {"exactly": 1, "one_of": [1]},
        {"at_least": 2, "at_most": 1},
        {"between": [1]},
        {"at_most": 1, "or_absent": "yes"},
        {"at_mst": 1},
    ],
)
def test_a_bound_that_bounds_nothing_or_two_things_is_refused(bound: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        allow(order, price=bound)


def bind(*allowances: Allowance) -> None:
    workflow = Workflow(name="shop", version="1", owner="o", purpose="p", tools=allowances, previews="none")
    workflow.bind({"order": tool_of(order)})


@pytest.mark.parametrize(
    "narrowings",
    [
        {"price": at_most(1), "count": exactly("3"), "weight": one_of("0.5", 1), "serial": at_least(3)},
        {"currency": matches("[A-Z]{3}"), "colour": one_of("red"), "size": "s", "express": True},
        {"due": matches("2026.*"), "receivers": one_of("a"), "serial": 7, "address": exactly(None)},
        {"address.country": "DE", "address.zipCode": matches("1.*"), "items.price": at_most("1.5")},
    ],
)
def test_bounds_that_fit_their_parameters_bind(narrowings: dict[str, Any]) -> None:
    bind(allow(order, **narrowings))


@pytest.mark.parametrize(
    ("path", "bound", "says"),
    [
        ("prize", at_most(1), "no parameter `prize`, did you mean `price`?"),
        ("currency", at_most(1), "bound on a number, and currency of order is string"),
        ("express", at_most(1), "bound on a number"),
        ("address", at_most(1), "bound on a number"),
        ("price", matches("1"), "regular expression on text, and price of order is number"),
        ("serial", matches("1"), "regular expression on text"),
        ("price", one_of("EUR"), "another type"),
        ("currency", exactly(5), "another type"),
        ("express", exactly("true"), "another type"),
        ("count", exactly(True), "another type"),
        ("colour", one_of("red", "green"), "can't have"),
        ("size", exactly("xl"), "can't have"),
        ("address.land", exactly("DE"), "no field `land`"),
        ("address.zip_code", exactly("1"), "did you mean `zipCode`?"),
        ("currency.code", exactly("EUR"), "no field `code`"),
        ("items.price", matches("a"), "regular expression on text"),
        ("receivers", at_most(3), "bound on a number"),
    ],
)
def test_a_bound_that_cannot_fit_is_refused_when_it_meets_the_tool(path: str, bound: Any, says: str) -> None:
    for narrowed in (allow(order, **{path: bound}), allow(order, unattended={path: bound})):
        with pytest.raises(ConfigurationError) as refused:
            bind(narrowed)
        assert says in str(refused.value)
        assert path in str(refused.value)


def test_unattended_is_all_none_or_what_is_inside_its_bounds() -> None:
    parse = tool_of(order).parse
    some = allow(order, price=at_most("200.00"), unattended={"price": at_most("50.00"), "currency": "EUR"})
    assert some.is_unattended(parse({"price": "50.00"}))
    assert not some.is_unattended(parse({"price": "50.01"}))
    assert not some.is_unattended(parse({"price": 1, "currency": "USD"}))
    assert allow(order, unattended=True).is_unattended(parse({"price": 10**9}))
    assert not allow(order).is_unattended(parse({"price": 0}))
    with pytest.raises(ConfigurationError, match="bounds nothing"):
        allow(order, unattended={})


def test_an_absent_argument_is_not_unattended() -> None:
    some = allow(update_transfer, unattended={"amount": at_most(5)})
    assert not some.is_unattended(tool_of(update_transfer).parse({"id": 1}))
