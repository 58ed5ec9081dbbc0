"""No builtin takes time without bound: what is large is answered in step with its size, or stops the evaluation.

Where one of these did as much work as it once did, it would take hours, and the test would not end.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.policies.builtins import BUILTINS
from licet.policies.builtins.values import Number, Object, Stop, Undefined, Value

ONE = Number(1)
VERTICES = tuple(f"v{number}" for number in range(400))
MANY = 200_000


def all_to_all(vertices: tuple[str, ...]) -> Object:
    return Object(dict.fromkeys(vertices, vertices))


def in_line(length: int, name: str = "v") -> Object:
    return Object({f"{name}{number}": (f"{name}{number + 1}",) for number in range(length)})


LAYERS = Object({f"{number}": tuple(f"{after}" for after in range(number + 1, 16)) for number in range(16)})

STOPS: dict[str, tuple[str, tuple[Value, ...], str]] = {
    "a graph with an edge from all to all": (
        "graph.reachable_paths", (all_to_all(VERTICES), ("v0",)), "more than 1000000 steps",
    ),
    "one long path": ("graph.reachable_paths", (in_line(20_000), ("v0",)), "more than 1000000 steps"),
    "many paths of few steps each": ("graph.reachable_paths", (LAYERS, ("0",)), "more than 100000 elements"),
    "few paths through vertices of long names": (
        "graph.reachable_paths", (in_line(50, "x" * 200_000), ("x" * 200_000 + "0",)), "more than 100000 elements",
    ),
    "a long text that overlaps itself": ("indexof_n", ("a" * MANY, "a" * (MANY // 2)), "more than 1000000 steps"),
    "the parts of a long text": ("strings.split_n", ("a" * MANY, "a", Number(MANY)), "more than 100000 elements"),
    "many long integers": ("sprintf", ("%d", (Number("9" * 4000),) * MANY), "more than 1000000 steps"),
    "many pairs of networks": (
        "net.cidr_contains_matches", (("10.0.0.0/8",) * 400, ("10.0.0.1",) * 400), "more than 100000 elements",
    ),
    "a long layout": ("time.parse_ns", ("2006-" * MANY, "2006-" * MANY), "a layout of more than 10000"),
    "a long layout to write": ("time.format", ((ONE, "UTC", "2006-" * MANY),), "a layout of more than 10000"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "said"), STOPS.values(), ids=STOPS)
def test_what_would_take_too_much_stops(name: str, arguments: tuple[Value, ...], said: str) -> None:
    with pytest.raises(Stop, match=said):
        BUILTINS[name](*arguments)


ANSWERS: dict[str, tuple[str, tuple[Value, ...], Value]] = {
    "an array that is nearly in another": ("object.subset", ((ONE,) * MANY, (ONE,) * (MANY // 2) + (None,)), False),
    "an array at the end of another": (
        "object.subset", ((ONE,) * MANY + (None,), (ONE,) * (MANY // 2) + (None,)), True,
    ),
    "many prefixes": (
        "strings.any_prefix_match",
        (tuple(f"a{number}" for number in range(MANY)), tuple(f"b{number}" for number in range(MANY))), False,
    ),
    "many suffixes": (
        "strings.any_suffix_match",
        (tuple(f"{number}a" for number in range(MANY)), (*(f"{number}b" for number in range(MANY)), "99a")), True,
    ),
    "a duration of many parts": ("time.parse_duration_ns", ("1ns" * MANY,), Number(MANY)),
}  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_what_is_only_large_is_answered(name: str, arguments: tuple[Value, ...], answer: Value) -> None:
    assert BUILTINS[name](*arguments) == answer


SMALL = st.lists(st.sampled_from([ONE, Number("1.0"), Number(2), "a"]), max_size=7).map(tuple)


@given(SMALL, SMALL)
def test_an_array_is_in_another_where_it_stands_there_in_one_piece(
    whole: tuple[Value, ...], part: tuple[Value, ...]
) -> None:
    pieces = [whole[start : start + len(part)] for start in range(len(whole) + 1)]
    assert BUILTINS["object.subset"](whole, part) == (part in pieces)


TEXTS = st.lists(st.text(alphabet="ab\udc80", max_size=4), max_size=6).map(tuple)


@given(TEXTS, TEXTS)
def test_one_text_begins_or_ends_with_one_of_the_others(
    searched: tuple[str, ...], bases: tuple[str, ...]
) -> None:
    begins = any(one.startswith(base) for one in searched for base in bases)
    ends = any(one.endswith(base) for one in searched for base in bases)
    assert BUILTINS["strings.any_prefix_match"](searched, bases) == begins
    assert BUILTINS["strings.any_suffix_match"](searched, bases) == ends


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 3))
def test_numbers_that_are_equal_have_one_hash(number: object, zeros: int) -> None:
    written = Number(str(number))
    for other in (
        f"{number:f}",
        f"{number:f}" + ("0" * zeros if "." in f"{number:f}" else "." + "0" * zeros + "0"),
    ):
        assert written == Number(other)
        assert hash(written) == hash(Number(other))


def test_numbers_that_were_chosen_to_have_one_hash_have_not() -> None:
    chosen = [Number((2**61 - 1) * factor) for factor in range(1, 1000)]
    assert len({hash(number.value) for number in chosen}) == 1
    assert len({hash(number) for number in chosen}) > 900


def test_what_is_nothing_stays_nothing() -> None:
    assert BUILTINS["net.cidr_contains_matches"](ONE, (ONE,)) == frozenset()
    with pytest.raises(Undefined):
        BUILTINS["net.cidr_contains_matches"](("10.0.0.0/8",), (ONE,))
