"""Integers of more digits than Python reads by itself, as OPA 1.22 answers them."""

from __future__ import annotations

import pytest

from licet.policies.builtins import BUILTINS
from licet.policies.builtins.values import Number, Stop, Undefined, Value

LONG = "1" * 5000


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("semver.is_valid", (f"1.1.{LONG}",), False),
        ("semver.is_valid", (f"1.1.1-{LONG}",), True),
        ("semver.is_valid", (f"1.1.{2**63 - 1}",), True),
        ("semver.is_valid", (f"1.1.{2**63}",), False),
        ("semver.compare", (f"1.1.1-{LONG}", "1.1.1-2"), Number(1)),
        ("semver.compare", (f"1.1.1-{LONG}", f"1.1.1-{LONG}"), Number(0)),
        ("units.parse", (LONG,), Number(LONG)),
        ("units.parse", (f"-{LONG}",), Number(f"-{LONG}")),
        ("units.parse_bytes", ("0" * 4990 + "7KiB",), Number(7168)),
        ("numbers.range_step", (Number(LONG), Number(LONG), Number(1)), (Number(LONG),)),
    ],
)
def test_digits_without_end_are_answered_as_opa_does(
    name: str, arguments: tuple[Value, ...], wanted: Value
) -> None:
    assert BUILTINS[name](*arguments) == wanted


def test_a_part_of_a_version_beyond_64_bits_is_no_version() -> None:
    with pytest.raises(Undefined):
        BUILTINS["semver.compare"](f"1.1.{LONG}", "1.1.2")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("units.parse", (LONG + "1",)),
        ("units.parse_bytes", (LONG + "1",)),
        ("semver.compare", (f"1.1.1-{LONG}", f"1.1.1-{LONG}2")),
        ("sprintf", ("%d", (Number(LONG),))),
    ],
)
def test_what_cannot_be_told_here_stops(name: str, arguments: tuple[Value, ...]) -> None:
    with pytest.raises(Stop):
        BUILTINS[name](*arguments)
