"""The rules that users' own rules call: their examples hold, in OPA and in process, and unused they cost nothing."""

from __future__ import annotations

import itertools
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from asking import INPUT, changed, decide
from hypothesis import given, settings
from hypothesis import strategies as st

from licet.audit.clock import timestamp
from licet.policies import load, toolchain
from licet.policies.bundle import Bundle
from licet.policies.library import CAPABILITIES, INPUT_SCHEMA, LIBRARY, Sources, shipped, with_folder
from licet.policies.wasm import PolicyInstance, prepare

Make = Callable[..., Path]
TESTS = sorted(LIBRARY.glob("tests/*_test.rego"))

pytestmark = pytest.mark.usefixtures("real_opa")


def run(opa_program: Path, *arguments: str | Path) -> Any:
    done = subprocess.run([opa_program, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return orjson.loads(done.stdout) if done.stdout else None


def documented(real_opa: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each rule of the library that is not internal, by its name, with its metadata."""
    said = run(real_opa, "inspect", "--annotations", "--format", "json", LIBRARY / "library")
    for entry in said["annotations"]:
        path = [str(part["value"]) for part in entry["path"]]
        if path[:3] == ["data", "licet", "library"] and len(path) == 5 and not path[4].startswith("_"):
            yield ".".join(path[3:]), entry["annotations"]


def test_each_rule_has_examples_and_each_example_holds(real_opa: Path, tmp_path: Path) -> None:
    rules = dict(documented(real_opa))
    declared = {
        f"{file.stem}.{name}"
        for file in (LIBRARY / "library").glob("*.rego")
        for name in re.findall(r"^(?:default )?([a-z]\w*)(?:\(| :=| if| contains)", file.read_text(), re.MULTILINE)
    }  # fmt: skip
    assert rules.keys() == declared
    packages = sorted({name.partition(".")[0] for name in rules})
    lines = ["package examples", *(f"import data.licet.library.{package}" for package in packages)]
    examples = []
    for name, metadata in rules.items():
        given = metadata["custom"]["examples"]
        assert any(name in example for example in given), name
        for example in given:
            lines.append(f"holds contains {len(examples)} if {{ {example} }}")
            examples.append(example)
    (tmp_path / "examples.rego").write_text("\n".join(lines))
    data = ["--data", LIBRARY, "--data", tmp_path / "examples.rego"]
    query = "data.examples.holds with input as data.licet.library_test.sample"
    held = run(real_opa, "eval", *data, query)["result"][0]["expressions"][0]["value"]
    assert [example for number, example in enumerate(examples) if number not in held] == []
    assert len(examples) >= 60


def test_the_sample_of_the_examples_is_an_input(real_opa: Path) -> None:
    said = run(
        real_opa, "eval", "--data", LIBRARY, "--schema", INPUT_SCHEMA,
        "data.licet.contract.valid with input as data.licet.library_test.sample",
    )  # fmt: skip
    assert said["result"][0]["expressions"][0]["value"] is True


def compiled(real_opa: Path, folder: Path, entrypoint: str, *files: Path) -> PolicyInstance:
    """These files and the library as the engine in process has them."""
    raw = folder / "probe.tar.gz"
    run(
        real_opa, "build", "--target", "wasm", "--entrypoint", entrypoint, "--capabilities", CAPABILITIES,
        "--output", raw, LIBRARY / "library", *files,
    )  # fmt: skip
    with tarfile.open(raw) as archive:
        content = archive.extractfile("/policy.wasm")
        assert content is not None
        wasm = content.read()
    return PolicyInstance(prepare(wasm, b"{}", entrypoint, deadline=30))


def test_what_the_rego_tests_show_holds_in_process_too(real_opa: Path, tmp_path: Path) -> None:
    tests = []
    for file in TESTS:
        package = re.search(r"^package (licet\.library\S*)", file.read_text(), re.MULTILINE)
        if package:
            names = re.findall(r"^(test_\w+) if", file.read_text(), re.MULTILINE)
            tests += [(file, f"data.{package[1]}.{name}") for name in names]
    assert len(tests) > 30
    probe = tmp_path / "probe.rego"
    rules = [f'held contains "{name}" if {name}\n' for _, name in tests]
    probe.write_text("\n".join(["package probe\n", *rules]))
    instance = compiled(real_opa, tmp_path, "probe/held", probe, *sorted({file for file, _ in tests}))
    held = orjson.loads(instance.evaluate(b"{}"))[0]["result"]
    assert sorted(held) == sorted(name for _, name in tests)


NONSENSE = [
    None, True, False, 0, -1, 1.5, 10**18, "", "x", "UTC", "a)|(b", "*.", "://", "/", "\\", "\U0001d7d8", "é", "local:",
    "2026-03-02T12:00:00Z", [], [None], [[]], ["x"], ["args", 0], {}, {"x": 1}, {"kind": 1}, {"kind": "email"},
    {"from": "00:00", "to": "24:00"}, {"from": 9, "to": {}}, [{"from": "00:00", "to": "24:00"}],
]  # fmt: skip

DOCUMENTS: list[Any] = [
    INPUT,
    {},
    changed("call.args", {"x": ["a@b.example", 7, {"": None}], "": "/a/../b"}),
    changed("call.args", []),
    changed("call.provenance", {"/amount": 3, "/order_id": {"kind": "email", "labels": "user"}}),
    changed("principal", None),
    changed("principal.roles", {"support": 1}),
    changed("run.remaining", "none"),
    changed("run.remaining", {"usd": True, "tokens": -1, "calls": 1e30}),
    changed("run.counts", {"x": {"executed": "many"}, "y": 3}),
    changed("run.calls", [{}, 3]),
    changed("context.resource", None),
    changed("context.resource", {"x": [["x"]], "": {"x": 1}}),
]

PROBE = """package probe

import data.licet.library.arguments
import data.licet.library.separation
import data.licet.library_test

answer(asked) := {"rules": rules, "values": sort(values), "denials": denials} if {
	document := asked.document
	rules := library_test.answers(asked.one, asked.two) with input as document
	values := arguments.values(asked.one) with input as document
	denials := separation.requester_may_not_approve(asked.one) with input as document
}

answered := [found | some asked in input; found := answer(asked)]
"""


def test_each_rule_answers_to_nonsense_and_the_same_in_both_engines(real_opa: Path, tmp_path: Path) -> None:
    pairs = [*zip(NONSENSE, NONSENSE, strict=True), *itertools.product(NONSENSE[:20], NONSENSE[18:])]
    asked = [{"one": one, "two": two, "document": document} for one, two in pairs for document in DOCUMENTS]
    probe, questions = tmp_path / "probe.rego", tmp_path / "questions.json"
    probe.write_text(PROBE)
    tests = LIBRARY / "tests" / "library_test.rego"
    instance = compiled(real_opa, tmp_path, "probe/answered", probe, tests)
    for start in range(0, len(asked), 500):
        part = asked[start : start + 500]
        questions.write_bytes(orjson.dumps(part))
        files = ["--data", LIBRARY / "library", "--data", probe, "--data", tests]
        said = run(real_opa, "eval", *files, "--input", questions, "data.probe.answered")
        by_opa = said["result"][0]["expressions"][0]["value"]
        assert orjson.loads(instance.evaluate(questions.read_bytes()))[0]["result"] == by_opa
        assert len(by_opa) == len(part)
        assert all(type(answer) is bool for answers in by_opa for answer in answers["rules"])
        assert all(len(answers["denials"]) == 1 for answers in by_opa)


ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
)
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

WALL = """package probe

import data.licet.library.time_windows

answered := [found | some window in input.windows; found := time_windows.open(window, input.moment)]
"""


@pytest.fixture(scope="module")
def wall(real_opa: Path, tmp_path_factory: pytest.TempPathFactory) -> PolicyInstance:
    folder = tmp_path_factory.mktemp("wall")
    (folder / "probe.rego").write_text(WALL)
    return compiled(real_opa, folder, "probe/answered", folder / "probe.rego")


MOMENTS = st.integers(0, 4_102_444_799_999_999).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)
"""Until the end of 2099."""


@settings(max_examples=400)
@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_a_window_opens_by_the_clock_on_the_wall(wall: PolicyInstance, moment: datetime, zone: str) -> None:
    there = moment.astimezone(ZoneInfo(zone))
    weekday, minute = DAYS[there.weekday()], there.hour * 60 + there.minute
    window = {
        "from": f"{there:%H:%M}",
        "to": f"{(minute + 1) // 60:02}:{(minute + 1) % 60:02}",
        "days": [weekday],
        "zone": zone,
    }
    windows = [
        window,
        {**window, "except": [f"{there + timedelta(days=1):%Y-%m-%d}"]},
        {**window, "except": [f"{there:%Y-%m-%d}"]},
        {**window, "days": [day for day in DAYS if day != weekday]},
        {**window, "from": window["to"], "to": window["from"], "days": DAYS},
    ]
    asked = orjson.dumps({"windows": windows, "moment": timestamp(moment)})
    assert orjson.loads(wall.evaluate(asked))[0]["result"] == [True, True, False, False, False]


def test_what_no_rule_calls_costs_nothing(real_opa: Path, folder: Make) -> None:
    everything = shipped()
    without = {name: text for name, text in everything.files.items() if "/library/" not in name}
    assert len(everything.files) - len(without) == 6
    lean = Bundle.unpack(toolchain.build(Sources(without, {})))
    assert Bundle.unpack(toolchain.build(everything)).wasm == lean.wasm
    one = folder(
        shop="package licet.user.shop\n\nimport data.licet.library.roles\n\n"
        'deny contains {"rule": "a", "message": "b"} if not roles.has("support")\n'
    )
    called = Bundle.unpack(toolchain.build(with_folder(one))).wasm
    assert len(lean.wasm) < len(called) < len(lean.wasm) + 5_000


BRAKE = """package licet.user.brake

import data.licet.library.budgets
import data.licet.library.time_windows

deny contains {"rule": "brake.spent", "message": "half is spent"} if not budgets.used_usd_below(50)

deny contains {"rule": "brake.closed", "message": "closed"} if {
	not time_windows.open({"from": "03:00", "to": "04:00"}, input.context.time)
}
"""


async def test_a_rule_of_the_users_calls_them(folder: Make) -> None:
    engine = load(folder(brake=BRAKE))
    assert (await decide(engine, INPUT)).allow
    half = await decide(engine, changed("run.remaining.usd", 0.0125))
    assert [denial.rule for denial in half.denials] == ["brake.spent"]
    late = await decide(engine, changed("context.time", "2026-01-02T04:00:00.000000Z"))
    assert [denial.rule for denial in late.denials] == ["brake.closed"]
    for path in ("run.remaining", "run.remaining.usd", "context.time", "context", "run"):
        assert not (await decide(engine, changed(path, "nonsense"))).allow
