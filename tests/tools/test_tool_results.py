"""What a tool returned becomes the bytes that are recorded and shown, or a fault that quotes nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, SecretStr

from licet.tools import InvalidResult, declare
from licet.tools.hooks import Nonsense, read_price


class Account(BaseModel):
    """A record with things that must not be shown."""

    iban: str
    balance: Decimal
    password: SecretStr = SecretStr("hunter2")
    internal: str = Field(default="internal note", exclude=True)


@dataclass
class Page:
    """A dataclass result."""

    day: date
    items: tuple[int, ...]


class Huge(int):
    """An integer that pytest need not write."""

    def __repr__(self) -> str:
        return "huge"


def encode(annotation: Any, value: Any) -> bytes:
    def function() -> None:
        """Return something."""

    return declare(function, effect="read", annotations={"return": annotation}).encode_result(value)


def test_results_are_canonical_json_with_decimals_as_text() -> None:
    assert encode(None, None) == b"null"
    assert (
        encode(dict[str, Decimal], {"b": Decimal("12.50"), "a": Decimal("1E+2")}) == b'{"a":"100","b":"12.5"}'
    )
    assert encode(Page, Page(date(2026, 1, 31), (1, 2))) == b'{"day":"2026-01-31","items":[1,2]}'
    assert encode(list[float], [1.0, 0.5]) == b"[1,0.5]"


def test_a_secret_is_masked_and_what_a_model_excludes_stays_out() -> None:
    written = encode(list[Account], [Account(iban="DE1", balance=Decimal(5))])
    assert written == b'[{"balance":"5","iban":"DE1","password":"**********"}]'


def test_a_secret_under_any_type_is_masked() -> None:
    assert encode(dict[str, Any], {"x": [SecretStr("hunter2")]}) == b'{"x":["**********"]}'


def test_an_integer_that_readers_would_round_is_written_as_text() -> None:
    assert encode(int, 2**60) == b'"1152921504606846976"'


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (int, "hunter2", ""),
        (list[int], [1, "hunter2"], "1"),
        (dict[str, str], {"a": 1}, "a"),
        (Account, {"iban": "DE1", "balance": 5}, "balance"),
        (None, "hunter2", ""),
        (float, math.nan, ""),
        (dict[str, Any], {"a": [object()]}, "a/0"),
        (Decimal, Decimal("1E+999999"), ""),
        (dict[str, Any], {"a": [Decimal("1E+3000000")]}, "a/0"),
        (dict[str, Any], {"a": Decimal("1E-3000000")}, "a"),
        (dict[str, Any], {"a": [Huge(10**5000)]}, "a/0"),
        (dict[str, dict[Decimal, int]], {"a": {Decimal("1E+3000000"): 1}}, "a/(a name)"),
        (str, "\ud800", ""),
        (str, "x" * 1_000_001, ""),
    ],
)
def test_what_is_not_as_annotated_is_a_fault(annotation: Any, value: Any, path: str) -> None:
    with pytest.raises(InvalidResult) as caught:
        encode(annotation, value)
    assert [field.path for field in caught.value.fields] == [path]
    assert "hunter2" not in str(caught.value)


def test_a_model_that_was_changed_to_a_wrong_type_is_a_fault() -> None:
    account = Account(iban="DE1", balance=Decimal(5))
    account.iban = 5  # type: ignore[assignment]
    with pytest.raises(InvalidResult):
        encode(Account, account)


def test_a_structure_without_end_is_a_fault() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidResult):
        encode(list[Any], loop)


TABLE = {"de": 1}


def test_a_check_of_the_results_own_that_breaks_is_a_fault_and_is_not_quoted() -> None:
    checked = Annotated[str, AfterValidator(lambda value: TABLE[value])]
    written = Annotated[str, PlainSerializer(lambda value: TABLE[value])]
    for annotation in (checked, written, list[checked], list[written]):
        with pytest.raises(InvalidResult) as caught:
            encode(annotation, ["hunter2"] if annotation in (list[checked], list[written]) else "hunter2")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "price", [Decimal("1E+999999"), "1e400000", Decimal("1E-999999"), 10**5000], ids=type
)
def test_a_price_that_would_take_long_to_count_is_refused(price: Any) -> None:
    with pytest.raises(Nonsense, match="more than 100 digits"):
        read_price(price)
