"""What a model sends is read once, exactly and strictly; what is wrong with it is told per field."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, field_validator
from typing_extensions import TypedDict

from licet.tools import (
    FieldError,
    InvalidArguments,
    StringCoded,
    Tool,
    ToolError,
    declare,
    raw_arguments,
    tool,
    tool_of,
)


class Colour(Enum):
    """A choice."""

    red = "r"


@dataclass
class Box:
    """A dataclass argument."""

    width: int


class Extra(TypedDict):
    """A TypedDict argument."""

    fast: bool
    slow: NotRequired[bool]


class Line(BaseModel):
    """A model argument; `hidden` must not hide from policy, and `sku` is read under another name."""

    sku: str = Field(alias="SKU")
    price: Decimal
    hidden: int = Field(default=0, exclude=True)
    more: list[Line] = []


class Checked(BaseModel):
    """A model whose own check quotes the value."""

    code: str

    @field_validator("code")
    @classmethod
    def _check(cls, value: str) -> str:
        if value != "ok":
            raise ValueError(f"bad code {value}")
        return value


@tool(effect="write")
def pay(
    order_id: str,
    amount: Decimal,
    count: int = 1,
    rate: float = 0.5,
    lines: list[Line] | None = None,
    free: dict[str, Any] = {},  # noqa: B006
    serial: Annotated[int, StringCoded] = 0,
) -> None:
    """Pay."""


@tool(effect="write")
def send(
    colour: Colour,
    box: Box,
    extra: Extra,
    day: date,
    at: datetime,
    key: UUID,
    speed: Literal["slow", "fast"],
    wait: timedelta,
    numbers: set[int],
    pair: tuple[int, str],
    prices: dict[str, Decimal | None],
) -> None:
    """Send."""


@tool(effect="read")
def number(value: Decimal) -> None:
    """Take a Decimal."""


@tool(effect="read")
def real(value: float) -> None:
    """Take a float."""


@tool(effect="read")
def anything(value: dict[str, Any]) -> None:
    """Take any JSON."""


@tool(effect="read")
def checked(value: Checked) -> None:
    """Take what checks itself."""


PAY, SEND, NUMBER, REAL = map(tool_of, (pay, send, number, real))


def refused(it: Tool, raw: str | bytes | Mapping[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidArguments) as caught:
        it.parse(raw)
    paths = [field.path for field in caught.value.fields]
    assert len(paths) == len(set(paths)), "one fault per place"
    for field in caught.value.fields:
        assert str(field) in caught.value.for_model()
    return {field.path: field.message for field in caught.value.fields}


def with_amount(text: str) -> str:
    return f'{{"order_id": "O-1", "amount": {text}}}'


# Each bad input


def test_an_unknown_argument_is_named_with_the_closest_known_one() -> None:
    assert refused(PAY, '{"order_id":"a","amount":1,"cuont":2}') == {
        "cuont": "is not known; did you mean count?"
    }
    assert "known are amount, count" in refused(PAY, '{"order_id":"a","amount":1,"zzz":2}')["zzz"]


def test_camel_case_is_one_fault_that_names_the_snake_case_name() -> None:
    assert refused(PAY, '{"orderId":"a","amount":1}') == {"orderId": "is not known; did you mean order_id?"}


def test_what_is_missing_is_named() -> None:
    assert refused(PAY, "{}") == {"order_id": "is missing", "amount": "is missing"}


def test_wrong_types_are_told_one_by_one() -> None:
    lines = '[{"SKU":"a","price":1},{"SKU":2,"price":[]}]'
    raw = f'{{"order_id":1,"amount":"x","count":"1","rate":"0.5","lines":{lines}}}'
    assert refused(PAY, raw) == {
        "order_id": "should be a valid string",
        "amount": "should be a number, such as 12.5",
        "count": "should be a valid integer",
        "rate": "should be a valid number",
        "lines/1/SKU": "should be a valid string",
        "lines/1/price": "should be a number, such as 12.5",
    }


@pytest.mark.parametrize(
    "raw", ['{"order_id":"a","amount":1,"count":1.0}', '{"order_id":"a","amount":1,"count":true}']
)
def test_an_integer_is_no_fraction_and_no_bool(raw: str) -> None:
    assert set(refused(PAY, raw)) == {"count"}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("name", ["amount", "rate"])
def test_nan_and_infinity_are_refused(text: str, name: str) -> None:
    raw = {"order_id": '"a"', "amount": "1", name: text}
    assert refused(PAY, "{" + ",".join(f'"{k}":{v}' for k, v in raw.items()) + "}") == {
        name: "is not a finite number"
    }


@pytest.mark.parametrize("value", [math.nan, math.inf, Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity")])
def test_nan_from_python_is_refused(value: Any) -> None:
    assert refused(PAY, {"order_id": "a", "amount": 1, "rate": value}) == {"rate": "is not a finite number"}


@pytest.mark.parametrize(
    "text", ['"NaN"', '"Infinity"', '"1_000"', '" 1 "', '"\uff11\uff12"', '""', '"0x1"', '"1E999999999"']
)
def test_text_that_is_no_plain_number_is_no_decimal(text: str) -> None:
    assert set(refused(NUMBER, f'{{"value":{text}}}')) == {"value"}


def test_ten_megabytes_of_text_are_refused_and_the_field_is_named() -> None:
    huge = "x" * 10_000_000
    for raw in (json.dumps({"order_id": huge, "amount": 1}), {"order_id": huge, "amount": 1}):
        faults = refused(PAY, raw)
        assert set(faults) == {"order_id"}
        assert "too large" in faults["order_id"]


def test_one_long_text_is_refused_though_the_whole_is_small_enough() -> None:
    assert refused(PAY, {"order_id": "x" * 250_001, "amount": 1}) == {
        "order_id": "is longer than 250000 characters"
    }


def test_the_whole_is_measured_in_bytes() -> None:
    assert (
        "too large"
        in refused(PAY, json.dumps({"order_id": "€" * 400_000, "amount": 1}, ensure_ascii=False))["order_id"]
    )


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_and_the_field_is_named(opening: str) -> None:
    faults = refused(PAY, '{"order_id":"a","amount":1,"free":' + opening * 100_000)
    assert faults == {"free": "is nested more than 64 deep"}


def test_deep_nesting_from_python_is_refused_even_when_it_never_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    (path, message), *_ = refused(PAY, {"order_id": "a", "amount": 1, "free": {"x": loop}}).items()
    assert path.startswith("free/x/")
    assert message == "is nested more than 64 deep"


def test_brackets_in_text_are_no_nesting() -> None:
    assert PAY.parse({"order_id": "[" * 1000 + '\\"{', "amount": 1}).values["order_id"].startswith("[[")


def test_too_many_values_are_refused() -> None:
    raw = '{"order_id":"a","amount":1,"free":{"x":[' + "1," * 30_000 + "1]}}"
    assert "holds too much" in refused(PAY, raw)["free"]


def test_a_name_that_stands_twice_is_refused_wherever_it_stands() -> None:
    assert refused(PAY, '{"order_id":"a","amount":1,"amount":2}') == {"amount": "stands there twice"}
    assert refused(PAY, '{"order_id":"a","amount":1,"free":{"x":[{"y":1,"y":1}]}}') == {
        "free/x/0/y": "stands there twice"
    }


@pytest.mark.parametrize("raw", [r'{"order_id":"\ud800","amount":1}', {"order_id": "\udfff", "amount": 1}])
def test_a_lone_surrogate_is_refused(raw: Any) -> None:
    assert refused(PAY, raw) == {"order_id": "is not valid Unicode"}


def test_a_lone_surrogate_in_a_name_is_refused() -> None:
    assert list(refused(PAY, r'{"order_id":"a","amount":1,"free":{"\ud800":1}}').values()) == [
        "is not valid Unicode"
    ]


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", "null", '"x"', "{} {}", b"\xff{}", "{'a':1}", '{"a":01}', '{"a":1,}']
)
def test_what_is_no_json_object_is_refused(raw: Any) -> None:
    assert list(refused(PAY, raw)) == [""]


@pytest.mark.parametrize(
    "text", ["9007199254740992", "-9007199254740992", "9" * 100, "10000000000000000000000"]
)
def test_integers_that_json_readers_round_are_refused(text: str) -> None:
    assert "beyond 9007199254740991" in refused(PAY, with_amount(f'1,"count":{text}'))["count"]
    assert PAY.parse(with_amount('1,"count":9007199254740991')).values["count"] == 2**53 - 1


def test_a_float_takes_the_large_integers_that_it_holds() -> None:
    assert REAL.parse('{"value":100000000000000000000}').values["value"] == 1e20
    assert "beyond" in refused(REAL, '{"value":9007199254740993}')["value"]


def test_a_string_coded_integer_takes_any() -> None:
    for digits in ("12345678901234567891", "100000000000000000000", "-9007199254740993"):
        for text in (digits, f'"{digits}"'):
            found = PAY.parse(with_amount(f'1,"serial":{text}'))
            assert type(found.values["serial"]) is int
            assert found.values["serial"] == int(digits)
            assert found.plain["serial"] == digits
            assert f'"serial":{digits}'.encode() in found.policy
            assert PAY.parse(found.canonical) == found
    for bad in ('"1.0"', '" 1"', '"\u0661"', "1.0", '"' + "9" * 101 + '"'):
        assert set(refused(PAY, with_amount(f'1,"serial":{bad}'))) == {"serial"}


@pytest.mark.parametrize(
    "text",
    ["1e400", "-1E999999999", "1E-999999999", "1e99999999999999999999999", "1" * 101, "0." + "1" * 101],
)
def test_numbers_without_bounds_are_refused_before_they_cost_anything(text: str) -> None:
    assert set(refused(NUMBER, f'{{"value":{text}}}')) == {"value"}
    assert set(refused(REAL, f'{{"value":{text}}}')) == {"value"}


@pytest.mark.parametrize("it", [PAY, REAL, tool_of(anything)], ids=lambda it: it.name)
def test_a_number_that_a_double_does_not_hold_is_taken_by_decimals_only(it: Tool) -> None:
    exact = "1234567890123456.789"
    raw = {
        "pay": f'{{"amount":1,"order_id":{exact}}}',
        "real": f'{{"value":{exact}}}',
        "anything": f'{{"value":{{"a":[{exact}]}}}}',
    }
    (message,) = refused(it, raw[it.name]).values()
    assert "more digits than a double" in message


def test_dates_are_written_as_dates() -> None:
    raw = {
        "colour": "r",
        "box": {"width": 1},
        "extra": {"fast": True},
        "day": "1700000000",
        "at": "1700000000",
        "key": "x",
        "speed": "medium",
        "wait": 5,
        "numbers": ["1"],
        "pair": [1],
        "prices": {"a": "b"},
    }
    faults = refused(SEND, json.dumps(raw))
    assert set(faults) == {"day", "at", "key", "speed", "wait", "numbers/0", "pair/1", "prices/a"}
    assert "ISO 8601" in faults["day"]
    assert faults["key"] == "should be a valid UUID"


@pytest.mark.parametrize(("place", "inside"), [("box", {"width": 1}), ("extra", {"fast": True})])
def test_unknown_names_inside_are_refused(place: str, inside: dict[str, Any]) -> None:
    raw = {**GOOD, place: {**inside, "fastt": 1}}
    assert set(refused(SEND, raw)) == {f"{place}/fastt"}


def test_unknown_names_inside_models_name_the_closest() -> None:
    raw = with_amount('1,"lines":[{"sku":"a","price":1}]')
    assert refused(PAY, raw) == {"lines/0/sku": "is not known; did you mean SKU?"}


@given(st.text(min_size=6, alphabet=st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)))
def test_no_fault_quotes_the_value(value: str) -> None:
    raw: dict[str, Any] = dict.fromkeys(GOOD, value)
    for it, given_arguments in ((SEND, raw), (tool_of(checked), {"value": {"code": value}})):
        with pytest.raises(InvalidArguments) as caught:
            it.parse(given_arguments)
        assert value not in caught.value.for_model()
        assert value not in str(caught.value)


COUNTRIES = {"de": 1}


def of_country(value: str) -> str:
    """A check as people write them: what is not in the table raises KeyError, with the value in its text."""
    COUNTRIES[value]
    return value


Country = Annotated[str, AfterValidator(of_country)]


class Parcel(BaseModel):
    """A parcel to one of the countries there are."""

    to: Country


def ship(parcels: list[Parcel], back: Country = "de", note: str = "") -> None:
    """Ship."""


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        ({"parcels": [{"to": "hunter2"}]}, ["parcels"]),
        ({"parcels": [{"to": "de"}], "back": "hunter2"}, ["back"]),
        ({"parcels": [{"to": "hunter2"}], "back": "hunter2", "note": 5}, ["parcels", "back"]),
    ],
)
def test_a_check_of_the_tools_own_that_breaks_is_a_fault_of_its_field(
    raw: dict[str, Any], paths: list[str]
) -> None:
    with pytest.raises(InvalidArguments) as caught:
        declare(ship, effect="read").parse(raw)
    assert [field.path for field in caught.value.fields] == paths
    assert "hunter2" not in caught.value.for_model() + str(caught.value)


def test_a_default_that_the_tools_own_check_breaks_on_is_refused_when_it_is_declared() -> None:
    def fetch(country: Country = "hunter2") -> None:
        """Fetch."""

    with pytest.raises(ToolError, match="country") as caught:
        declare(fetch, effect="read")
    assert "hunter2" not in str(caught.value)


class Moody(BaseModel):
    """A model that validates, and breaks when it is looked into."""

    word: str

    def __getattribute__(self, name: str) -> Any:
        if name == "word":
            raise KeyError("hunter2")
        return super().__getattribute__(name)


def test_a_value_that_breaks_when_it_is_read_is_refused() -> None:
    def say(what: Moody) -> None:
        """Say."""

    with pytest.raises(InvalidArguments) as caught:
        declare(say, effect="read").parse({"what": {"word": "hunter2"}})
    assert "hunter2" not in str(caught.value)


# What comes through


GOOD: dict[str, Any] = {
    "colour": Colour.red,
    "box": Box(3),
    "extra": {"fast": True},
    "day": date(2026, 1, 31),
    "at": datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    "key": UUID(int=7),
    "speed": "slow",
    "wait": timedelta(minutes=90),
    "numbers": {3, 1, 2},
    "pair": (1, "a"),
    "prices": {"a": Decimal("1.10"), "b": None},
}


def test_python_values_take_the_same_way_as_json_text() -> None:
    found = SEND.parse(GOOD)
    assert dict(found.values) == GOOD
    assert found.plain == {
        "colour": "r",
        "box": {"width": 3},
        "extra": {"fast": True},
        "day": "2026-01-31",
        "at": "2026-01-31T09:30:00+00:00",
        "key": "00000000-0000-0000-0000-000000000007",
        "speed": "slow",
        "wait": found.plain["wait"],
        "numbers": [1, 2, 3],
        "pair": [1, "a"],
        "prices": {"a": "1.1", "b": None},
    }
    again = SEND.parse(raw_arguments(GOOD))
    assert again == found
    assert again.digest == found.digest


def test_canonical_bytes_are_rfc_8785_and_give_the_same_arguments_again() -> None:
    for it, raw in ((SEND, GOOD), (PAY, {"order_id": "é", "amount": Decimal("1e2"), "rate": 1e-7})):
        found = it.parse(raw)
        assert found.canonical == rfc8785.dumps(found.plain)
        assert it.parse(found.canonical) == found


def test_defaults_are_filled_in_and_fresh() -> None:
    one, two = PAY.parse(with_amount("1")), PAY.parse(with_amount("1"))
    assert one.values["free"] == {}
    assert one.values["free"] is not two.values["free"]
    assert one.plain["rate"] == 0.5


@pytest.mark.parametrize("spelled", ["12", "12.0", "12.00", "1.2e1", "120E-1", '"12"', '"12.00"', "0.12e+2"])
def test_spellings_of_one_number_are_one_call(spelled: str) -> None:
    found = PAY.parse(with_amount(spelled))
    assert found.canonical == PAY.parse({"order_id": "O-1", "amount": Decimal(12)}).canonical
    assert str(found.values["amount"]) == "12"


def test_minus_zero_is_zero() -> None:
    for text in ("-0", "-0.0", "-0e5"):
        assert str(NUMBER.parse(f'{{"value":{text}}}').values["value"]) == "0"
        assert math.copysign(1, REAL.parse(f'{{"value":{text}}}').values["value"]) == 1


def test_a_decimal_inside_models_lists_and_unions_is_exact() -> None:
    exact = "1234567890123456.789"
    found = PAY.parse(
        with_amount(f'{exact},"lines":[{{"SKU":"a","price":{exact},"more":[{{"SKU":"b","price":{exact}}}]}}]')
    )
    line = found.values["lines"][0]
    assert found.values["amount"] == line.price == line.more[0].price == Decimal(exact)
    assert found.policy.count(exact.encode()) == 3
    assert SEND.parse({**GOOD, "prices": {"a": Decimal(exact)}}).values["prices"]["a"] == Decimal(exact)


def test_what_a_model_hides_when_it_is_written_is_still_shown_to_policy() -> None:
    found = PAY.parse(with_amount('1,"lines":[{"SKU":"a","price":1,"hidden":7}]'))
    assert b'"hidden":7' in found.policy
    assert b'"hidden":7' in found.canonical


DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@given(DECIMALS)
def test_policy_function_and_record_have_the_decimal_that_was_written(value: Decimal) -> None:
    if value and value.adjusted() < -60:
        return
    for spelled in (f"{value}", f"{value:f}", f"{value:e}"):
        found = NUMBER.parse(f'{{"value":{spelled}}}')
        assert found.values["value"] == value
        assert Decimal(str(found.plain["value"])) == value
        assert json.loads(found.policy, parse_float=Decimal, parse_int=Decimal)["value"] == value
        assert "e" not in found.policy.decode().lower().replace('"value"', "")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_comes_through(value: float) -> None:
    text = f"{value!r}"
    found = REAL.parse(f'{{"value":{text}}}')
    assert found.values["value"] == value
    assert json.loads(found.canonical, parse_int=float)["value"] == value
    assert REAL.parse(found.canonical) == found
    assert REAL.parse({"value": value}) == found


TEXT = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_any_json_comes_through_and_has_one_form(value: dict[str, Any]) -> None:
    it = tool_of(anything)
    found = it.parse(json.dumps({"value": value}))
    assert found.values["value"] == value
    assert found.canonical == rfc8785.dumps({"value": value})
    assert it.parse({"value": value}) == found
    assert it.parse(found.canonical) == found
    assert json.loads(found.policy) == {"value": value}


@given(st.text() | st.binary())
def test_nothing_but_invalid_arguments_is_raised(raw: str | bytes) -> None:
    with pytest.raises(InvalidArguments) as caught:
        PAY.parse(raw)
    assert all(isinstance(field, FieldError) for field in caught.value.fields)
