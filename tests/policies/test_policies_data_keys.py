"""Lookups in the data: what is not refused finds the same in a compiled policy as in OPA's own evaluator."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import changed, decide
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from licet.policies import PolicyError, load
from licet.policies.bundle import unpacked
from licet.policies.data_keys import differing_lookups
from licet.policies.json_text import normal
from licet.policies.library import CAPABILITIES
from licet.policies.negations import negated_choices
from licet.policies.wasm import PolicyInstance, prepare

Make = Callable[..., Path]

RULE = """package licet.user.room

{before}
deny contains {{"rule": "r", "message": message}} if {{
	message := {lookup}
}}
"""

DATA: dict[str, Any] = {
    "names": {"a": {"0": "x", "b": ["y"]}, "0x": "z", "": "nothing"},
    "numbers": {"0": "zero", "2": {"0": ["two"], "a": 1}, "1.0": "dot", "1e0": "exponent", "-1": "minus"},
    "list": ["a", {"0": "b", "a": "c"}, ["d", {"1": "e"}]],
    "mixed": [{"k": {"1": 1}}, {"k": ["l"]}],
    "other": {"base": {"1": "f", "a": ["g"]}, "0": "h"},
    "uneven": {"1": ["i"], "base": {"2": "j"}, "0": {"2": "k"}},
    "keys": {"a": 1, "b": ["2", "0"], "c": ["a", 1], "d": {"a": 1, "b": 0}},
    "empty": {"list": [], "object": {}},
}
KEYS = [
    "0", "1", "2", "-0", "-1", "1.0", "1e0", "1.00", "10", "-0.0", "0.0", "2.50",
    '"0"', '"1"', '"2"', '"+1"', '"-0"', '"01"', '"1.0"', '"1."', '"1e0"', '"a"', '"b"', '"k"', '"base"', '"x"', '""',
    "true", "null", "[0]", '{"a": 0}',
]  # fmt: skip
LITERALS = ['"0"', '"1"', '"2"', '"1.0"', '"-0"', '"+1"', '"01"', "0", "1", "2", "1.0", "2.50", "-1", "true"]

VARIABLES = [
    "input.k", "input.j", "_", "i", "n", "count(input.many)", "count(input.many) - 1", 'sprintf("%v", [input.k])',
    "object.get(input, [\"k\"], 0)", "input.many[_]", "made", "chosen",
    "data.keys.a", "data.keys.b[0]", "data.keys.b[_]", "data.keys.c[i]", "data.keys.d[input.k]",
]  # fmt: skip
NAMED = [
    ".names", ".numbers", ".list", ".mixed", ".other", ".other.base", ".uneven", ".uneven", ".empty.list",
    ".empty.object",
]  # fmt: skip
KEY = st.sampled_from([*(f"[{key}]" for key in [*LITERALS, *VARIABLES, *VARIABLES]), ".a", ".k"])
PATH = st.builds(
    lambda name, keys: name + "".join(keys), st.sampled_from(NAMED), st.lists(KEY, min_size=1, max_size=2)
)
FORMS = [
    *["v := data{0}"] * 6,
    "v := list[input.k]; data{0}",
    "some i; v := data{0}; is_string(i)",
    "some i, _ in data.list; v := data{0}",
    "some i, _ in data.numbers; v := data{0}",
    "every x in [input.k] {{ data.names[x] != data{0} }}; v := 1",
    "not data{0}; v := input.k",
    "v := [x | x := data{0}]",
    "part := data.numbers; v := part[input.k]; data{0}",
    "v := whole[input.k]; not data{0}",
    "v := taken(data{0})",
    "data{0} = v",
]  # fmt: skip
REPLACING = [
    'v := data{0} with data.numbers as {{"0": "p", "1": "q"}}',
    'v := data{0} with data.list as {{"0": "p", "1": "q"}} with data.keys as {{"a": "1", "b": [2, 1], "d": [0, "1"]}}',
]
"""Where a rule replaces some of the data, what is left says nothing of the keys any more."""

HEAD = """package probe

import data.list

whole := data.numbers

made := 1 if input.k == input.j

made := "1" if input.k != input.j

chosen := input.k if is_string(input.k) else := 1

taken(x) := [x, x[input.k]]

n := input.n
"""


@settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
)
@given(st.data())
@pytest.mark.parametrize("forms", [FORMS, FORMS + 4 * REPLACING], ids=["as it is", "replaced"])
def test_what_is_not_refused_is_found_alike(
    real_opa: Path, tmp_path_factory: pytest.TempPathFactory, forms: list[str], draw: st.DataObject
) -> None:
    body = st.builds(lambda form, path: form.format(path), st.sampled_from(forms), PATH)
    bodies = draw.draw(st.lists(body, min_size=150, max_size=150))
    keys = st.sampled_from(KEYS)
    rows = draw.draw(st.lists(st.tuples(keys, keys), min_size=40, max_size=40, unique=True))
    inputs = [normal(f'{{"k": {k}, "j": {j}, "n": {len(k)}, "many": [{k}, {j}]}}'.encode()) for k, j in rows]
    folder = tmp_path_factory.mktemp("data_keys")
    bodies = compiling(real_opa, folder, bodies)
    plan = orjson.loads(built(real_opa, folder, "plan")["plan.json"])
    first = HEAD.count("\n") + 1
    refused = {lookup.line - first for lookup in negated_choices(plan) + differing_lookups(plan, DATA)}
    assert all(0 <= line < len(bodies) for line in refused)

    policy = prepare(built(real_opa, folder, "wasm")["policy.wasm"], orjson.dumps(DATA), "probe/answer", 5.0)
    instance = PolicyInstance(policy)
    theirs = asked(real_opa, folder, inputs)
    differ: Counter[int] = Counter()
    found = 0
    for document, their in zip(inputs, theirs, strict=True):
        (ours,) = json.loads(instance.evaluate(document), parse_int=Decimal, parse_float=Decimal)
        for number in range(len(bodies)):
            here, there = (ordered(answer.get(f"r{number}", [])) for answer in (ours["result"], their))
            found += bool(there)
            if here != there:
                differ[number] += 1
                assert number in refused, f"{bodies[number]} on {document.decode()}: OPA {there}, here {here}"

    # Refusing everything would pass as well.
    assert found > 500
    assert len(refused) < 0.75 * len(bodies)
    assert len(differ) > 0.25 * len(refused)


def compiling(opa: Path, folder: Path, bodies: list[str]) -> list[str]:
    """Those that are Rego; the module of the rest is left behind."""
    (folder / "data.json").write_bytes(orjson.dumps(DATA))
    for package in ("other", "uneven", "uneven.deep.er"):
        (folder / f"{package}.rego").write_text(f"package {package}\n\ny := 1\n")
    while True:
        rules = [f'answer["r{at}"] contains v if {{ {body} }}' for at, body in enumerate(bodies)]
        (folder / "probe.rego").write_text(HEAD + "\n".join(rules) + "\n")
        check = ["check", "--format", "json", "--max-errors", "0", "--capabilities", str(CAPABILITIES), "."]
        done = subprocess.run([opa, *check], cwd=folder, capture_output=True, check=False)
        if done.returncode == 0:
            return bodies
        errors = orjson.loads(done.stderr)["errors"]
        wrong = {error["location"]["row"] - HEAD.count("\n") - 1 for error in errors}
        bodies = [body for at, body in enumerate(bodies) if at not in wrong]
        assert len(bodies) > 60, errors


def built(opa: Path, folder: Path, target: str) -> dict[str, bytes]:
    output = folder.parent / f"{folder.name}.{target}.tar.gz"
    build = ["build", "--target", target, "--entrypoint", "probe/answer", "--capabilities", str(CAPABILITIES)]
    subprocess.run([opa, *build, "--output", str(output), "--bundle", "."], cwd=folder, check=True)
    return unpacked(output.read_bytes())


def asked(opa: Path, folder: Path, inputs: list[bytes]) -> list[Any]:
    place = folder.parent / f"{folder.name}.inputs"
    place.mkdir()
    for number, document in enumerate(inputs):
        (place / f"{number:03}.json").write_bytes(document)
    names = [f"{number:03}.json" for number in range(len(inputs))]
    done = subprocess.run(
        [opa, "exec", "--decision", "probe/answer", "--bundle", str(folder), *names],
        cwd=place,
        capture_output=True,
        check=True,
    )
    results = json.loads(done.stdout, parse_int=Decimal, parse_float=Decimal)["result"]
    answers = {answer["path"]: answer["result"] for answer in results}
    return [answers[name] for name in names]


def ordered(value: Any) -> Any:
    if isinstance(value, list):
        return sorted((ordered(item) for item in value), key=repr)
    return {key: ordered(value[key]) for key in sorted(value)} if isinstance(value, dict) else value


@pytest.mark.parametrize(
    ("before", "lookup", "said"),
    [
        ("", "data.numbers[2]", 'write \\["2"\\]'),
        ("import data.numbers", "numbers[2].a", 'write \\["2"\\]'),
        ("", "data.numbers[input.call.args.n]", "a key that is a number"),
        ("", "data.list[_][input.call.args.n]", "a key that is"),
        ("", "data.list[input.call.args.n]", "a key that is text"),
        ("", 'data.list["0"]', "write \\[0\\]"),
        ("", "data.list[1.0].a", "write \\[1\\]"),
        ("list := data.list", "data.numbers[list[0]]", "a key that is a number"),
    ],
)
def test_what_may_differ_is_refused_where_it_stands(
    real_opa: Path, folder: Make, before: str, lookup: str, said: str
) -> None:
    rule = RULE.format(before=before, lookup=lookup)
    with pytest.raises(PolicyError, match=said) as raised:
        load(folder(room=rule, data_dot_json=json.dumps(DATA)))
    assert raised.value.line == 5
    assert raised.value.file is not None
    assert raised.value.file.endswith("policies/room.rego")
    assert raised.value.source == f"\tmessage := {lookup}"


@pytest.mark.parametrize(
    ("lookup", "n", "message"),
    [
        ("data.numbers[sprintf(\"%d\", [input.call.args.n])]", 0, "zero"),
        ("numbers[input.call.args.n]", "0", "zero"),
        ("numbers[input.call.args.n]", 0, None),
        ("list[input.call.args.n]", 0, "a"),
        ("list[input.call.args.n]", "0", None),
        ("data.names[input.call.args.n]", "0x", "z"),
        ("data.names[input.call.args.n]", 0, None),
        ("data.list[count(input.call.args.n)]", [], "a"),
    ],
)  # fmt: skip
async def test_what_is_advised_instead_works(
    real_opa: Path, folder: Make, lookup: str, n: object, message: str | None
) -> None:
    rule = RULE.format(before="numbers := data.numbers\n\nlist := data.list", lookup=lookup)
    decision = await decide(
        load(folder(room=rule, data_dot_json=json.dumps(DATA))), changed("call.args", {"n": n})
    )
    assert decision.cause is None
    assert [denial.message for denial in decision.denials] == ([message] if message else [])
