"""The text of an input as both evaluators get it: the same numbers and characters, in one spelling."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import changed, decide
from hypothesis import given
from hypothesis import strategies as st

from licet.policies import PolicyError, load
from licet.policies.bundle import SHIPPED, Bundle, unpacked
from licet.policies.json_text import normal
from licet.policies.library import with_folder

Make = Callable[..., Path]

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda number: f"{number:f}"),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,3})(\.[0-9]{1,4})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
)


def loads(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@given(
    st.lists(st.one_of(NUMBERS, st.text(alphabet='.,0eE1}" \\é𠀀]:').map(json.dumps))),
    st.sampled_from([",", " ,\n"]),
)
def test_the_normal_text_says_the_same(items: list[str], comma: str) -> None:
    text = f'{{"a": [{comma.join(items)}]}}'.encode()
    made = normal(text)
    assert loads(made) == loads(text)
    assert normal(made) == made
    for number in json.loads(made, parse_float=str, parse_int=str)["a"]:
        if not any(isinstance(item, str) and item == json.dumps(number) for item in items):
            assert re.fullmatch(r"-?[0-9]+(\.[0-9]*[1-9])?|.*[eE].*", number), number
            assert "e" not in number.lower() or abs(int(number.lower().partition("e")[2])) > 400


@given(st.text(alphabet="-+.01eE,[] ", max_size=12))
def test_what_is_no_json_stays_none(text: str) -> None:
    def is_json(raw: bytes) -> bool:
        try:
            json.loads(raw)
        except ValueError:
            return False
        return True

    raw = f"[{text}]".encode()
    assert is_json(normal(raw)) == is_json(raw)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("2.0", "2"),
        ("0.50", "0.5"),
        ("-0.0", "0"),
        ("0e5", "0"),
        ("1e16", "10000000000000000"),
        ("12.50E-3", "0.0125"),
        ("1e400", "1" + "0" * 400),
        ("1.50e401", "1.50e401"),
        ("100", "100"),
        ("123456789012345678901234567890.10", "123456789012345678901234567890.1"),
        ('"2.0,"', '"2.0,"'),
        ('"\\ud840\\udc00"', '"𠀀"'),
        ('"\\\\ud840\\\\udc00"', '"\\\\ud840\\\\udc00"'),
    ],
)
def test_it_is_spelled_in_one_way(text: str, plain: str) -> None:
    assert normal(f"[{text},2.0]".encode()) == f"[{plain},2]".encode()


SPELLED = """package licet.user.room

n := input.call.args.n

deny contains {"rule": "place", "message": ["a", "b"][n]}

deny contains {"rule": "count", "message": sprintf("%d of %v", [count({n, 1, 10000000000000000}), n])}

deny contains {"rule": "key", "message": {1: "x", 10000000000000000: "y"}[n]}
"""


@pytest.mark.parametrize(
    ("spelled", "said"),
    [
        *((text, ["2 of 1", "b", "x"]) for text in ("1", "1.0", "1.000", "10e-1", "1E0")),
        *((text, ["2 of 10000000000000000", "y"]) for text in ("1e16", "10000000000000000", "1.0e+16")),
    ],
)
async def test_a_number_is_the_same_however_it_is_spelled(
    real_opa: Path, folder: Make, spelled: str, said: list[str]
) -> None:
    engine = load(folder(room=SPELLED))
    raw = orjson.dumps(changed("call.args", {"n": "@"})).replace(b'"@"', spelled.encode())
    decision = await decide(engine, raw)
    assert sorted(denial.message for denial in decision.denials) == said


LONG = b"1e" + b"9" * 5000


def test_an_exponent_of_any_length_is_left_as_it_is() -> None:
    for number in (LONG, b"-1.50E-" + b"0" * 5000 + b"2"):
        assert normal(b'{"a": [%b, 1e2]}' % number) == b'{"a": [%b, 100]}' % number


async def test_an_input_with_a_number_beyond_all_reading_is_denied_and_nothing_is_raised() -> None:
    decision = await decide(load(), b'{"call": {"args": {"amount": %b}}}' % LONG)
    assert not decision.allow


def test_a_number_in_a_bundle_that_nobody_can_read_is_refused_with_its_place() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in {
            **unpacked(SHIPPED.read_bytes()),
            "data.json": b'{"limits": {"desks": [{"most": %b}]}}' % LONG,
        }.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with pytest.raises(PolicyError, match=r"mine: limits\.desks\[0\]\.most in its data is a number"):
        Bundle.unpack(gzip.compress(out.getvalue()), "mine")


@pytest.mark.parametrize("number", ["1e400", "-1e400", LONG.decode(), "9" * 5000])
def test_a_number_in_a_folders_data_that_no_float_can_be_is_refused_with_its_place(
    folder: Make, number: str
) -> None:
    place = folder(
        shop='package licet.user.shop\n\ngrant contains "g" if input.run.step < data.limits.most\n',
        limits__data_dot_json=f'{{"most": [1, {number}]}}',
    )
    with pytest.raises(PolicyError, match=r"data\.json: most\[1\] is a number beyond"):
        with_folder(place)
