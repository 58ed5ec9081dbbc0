"""OPA's toolchain, as Licet carries it and as the `opa` program: one gives what the other gives."""

from __future__ import annotations

import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import INPUT, changed
from hypothesis import given, settings
from hypothesis import strategies as st

from licet.policies import PolicyError, load, opa_program, toolchain
from licet.policies.bundle import ENTRYPOINTS
from licet.policies.cache import cache_directory
from licet.policies.carried import Carried
from licet.policies.library import CAPABILITIES, HOME, INPUT_SCHEMA, LIBRARY, shipped, with_folder
from licet.policies.toolchain import Files, Toolchain
from licet.policies.verdicts import Refused

Make = Callable[..., Path]

POLICY = Path(__file__).parents[2] / "benchmarks" / "agentdojo" / "policy"

RULES = """package licet.user.shop

deny contains {"rule": "a", "message": $"over {data.shop.most}"} if {
	print("asked for", input.call.args.amount)
	input.call.args.amount > data.shop.most
}

deny contains {"rule": "b", "message": "b"} if "none" in input.tool.tags
"""

TESTS = """package licet.user.shop_test

import data.licet.user.shop

test_over if count(shop.deny) == 1 with input.call.args.amount as 101

test_under if {
	count(shop.deny) == 0 with input as {"call": {"args": {"amount": 1}}, "tool": {"tags": []}}
}
"""

FAILING = """package licet.user.shop_test

test_that_fails if {
	x := 1
	x == 2
}

test_that_errs if count({x | x := f(1)}) > 0

f(x) := 1 if x > 0

f(x) := 2 if x > 0

test_cases[name] if {
	some name, value in {"one": 1, "two": 2}
	value == 1
}

todo_test_later if false
"""


@pytest.fixture(scope="session")
def program(real_opa: Path) -> Toolchain:
    return opa_program.Program(real_opa)


def files(**more: str) -> dict[str, bytes]:
    """Licet's library and some files of the user's."""
    named = {name.replace("__", "/").replace("_dot_", "."): text.encode() for name, text in more.items()}
    return {
        **shipped().files,
        **{name if "." in name else f"{name}.rego": text for name, text in named.items()},
    }


SHOP = files(user__shop=RULES, user__shop_test=TESTS, shop__data_dot_json='{"most": 100}')


def check(tool: Toolchain, what: Files, *, schema: bool = True) -> Any:
    document = INPUT_SCHEMA.read_bytes() if schema else None
    return tool.check(what, capabilities=CAPABILITIES.read_bytes(), schema=document, strict=True)


def build(tool: Toolchain, what: Files) -> Any:
    try:
        return tool.build(what, entrypoints=ENTRYPOINTS, capabilities=CAPABILITIES.read_bytes())
    except Refused as refused:
        return refused.problems


def test_both_are_the_pinned_version(carried: Carried, program: Toolchain) -> None:
    assert carried.version() == opa_program.PINNED
    assert program.version() == opa_program.PINNED


def test_a_module_that_is_older_than_what_asks_it_says_what_to_do(carried: Carried) -> None:
    with pytest.raises(PolicyError, match=r"older than its sources, and cannot fold: .*`make toolchain`"):
        carried._ask("fold")


def test_the_module_is_built_from_the_pinned_version() -> None:
    (required,) = re.findall(
        r"^require github.com/open-policy-agent/opa v(\S+)$",
        (HOME / "opa" / "go.mod").read_text(),
        re.MULTILINE,
    )
    assert required == opa_program.PINNED


@pytest.mark.parametrize(
    "what",
    [shipped().files, with_folder(POLICY).files, SHOP],
    ids=["the library", "AgentDojo's", "a shop's"],
)
def test_a_bundle_has_the_same_bytes(carried: Carried, program: Toolchain, what: dict[str, bytes]) -> None:
    made = build(carried, what)
    assert isinstance(made, bytes)
    assert made == build(program, what)


@pytest.mark.parametrize("what", [shipped().files, SHOP], ids=["the library", "a shop's"])
def test_a_plan_is_the_same(carried: Carried, program: Toolchain, what: dict[str, bytes]) -> None:
    capabilities = CAPABILITIES.read_bytes()
    ours, theirs = (
        tool.plan(what, entrypoints=ENTRYPOINTS, capabilities=capabilities) for tool in (carried, program)
    )
    assert ours == theirs
    assert ours["plans"]["plans"][0]["name"] == "licet/decision"


WRONG = {
    "no rule": "package licet.user.a\n\ndeny contains contains 1\n",
    "no function": 'package licet.user.a\n\ngrant contains "x" if nothing(1)\n',
    "no field": 'package licet.user.a\n\ngrant contains "x" if input.call.arg.x\n',
    "wrong type": 'package licet.user.a\n\ngrant contains "x" if count(input.tool.idempotent) > 1\n',
    "unused import": "package licet.user.a\n\nimport data.b\n",
    "outside the capabilities": "package licet.user.a\n\ngrant contains http.send({})\n",
    "recursive": 'package licet.user.a\n\ngrant contains "x" if a\n\na if b\n\nb if a\n',
    "several": "package licet.user.a\n\na := input.x\n\nb := input.y\n\nc := nothing(1)\n\nd := input.z\n",
    "many": "package licet.user.a\n" + "".join(f"\nr{n} := input.x{n}\n" for n in range(30)),
    "unsafe": "package licet.user.a\n\na contains x if not x\n",
    "metadata": "package licet.user.a\n\n# METADATA\n# title: [\na := 1\n",
    "not text": "package licet.user.a\n\na := \udcff\n",
    "Unicode": 'package licet.user.a\n\na := "Ü\U0001f4b6" if nothing("é")\n',
    "data of that name": "package shop\n\nmost := 1\n",
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_alike(carried: Carried, program: Toolchain, source: str) -> None:
    what = {**SHOP, "user/a.rego": source.encode(errors="surrogateescape")}
    found = check(carried, what)
    assert found
    assert found == check(program, what)
    assert check(carried, what, schema=False) == check(program, what, schema=False)


def test_what_is_right_is_right_by_both(carried: Carried, program: Toolchain) -> None:
    assert check(carried, SHOP) == check(program, SHOP) == ()


def test_tests_end_alike(carried: Carried, program: Toolchain) -> None:
    for what in (SHOP, {**SHOP, "user/shop_test.rego": FAILING.encode()}, shipped().files):
        here, there = ([replace(one, seconds=0.0) for one in tool.test(what, coverage=False).results]
                       for tool in (carried, program))  # fmt: skip
        assert here == there
    results = {
        one.name: one
        for one in carried.test({**SHOP, "user/t_test.rego": FAILING.encode()}, coverage=False).results
    }
    assert results["test_under"].status == "passed"
    assert results["test_under"].output == "asked for 1\n"
    assert results["test_that_fails"].failed_at == ("user/t_test.rego", 5)
    assert "conflict" in results["test_that_errs"].error
    assert results["test_cases"].cases == {"one": "passed", "two": "failed"}
    assert results["todo_test_later"].status == "skipped"


def test_the_librarys_own_tests_end_and_cover_alike(carried: Carried, program: Toolchain) -> None:
    what = {f"licet/{path.relative_to(LIBRARY)}": path.read_bytes() for path in LIBRARY.rglob("*.rego")}
    here, there = carried.test(what, coverage=True), program.test(what, coverage=True)
    assert here.passed
    assert len(here.results) == len(there.results) > 10
    assert here.coverage is not None
    assert here.coverage == there.coverage


def test_what_a_test_covers_is_told_when_all_pass(carried: Carried, program: Toolchain) -> None:
    skipping = {**SHOP, "user/s_test.rego": b"package s_test\n\ntodo_test_later if false\n"}
    for what in (SHOP, skipping):
        covered = carried.test(what, coverage=True).coverage
        assert covered is not None
        assert covered == program.test(what, coverage=True).coverage
    assert carried.test(SHOP, coverage=False).coverage is None
    failing = {**SHOP, "user/f_test.rego": FAILING.encode()}
    assert carried.test(failing, coverage=True).coverage is None
    assert program.test(failing, coverage=True).coverage is None


def test_tests_that_do_not_compile_are_refused(carried: Carried, program: Toolchain) -> None:
    broken = {**SHOP, "user/f_test.rego": b"package f_test\n\ntest_it if nothing(1)\n"}
    for tool in (carried, program):
        with pytest.raises(Refused, match="nothing"):
            tool.test(broken, coverage=False)


MISCHIEF = st.one_of(
    st.integers(-(2**70), 2**70),
    st.decimals(-(10**20), 10**20, allow_nan=False, places=7),
    st.text(),
    st.booleans(),
    st.none(),
    st.lists(st.text(), max_size=3),
)


@settings(max_examples=25)
@given(MISCHIEF, st.sampled_from(["read", "write", "irreversible", "no"]))
def test_an_evaluation_gives_the_same(carried: Carried, program: Toolchain, amount: Any, effect: str) -> None:
    document = changed("tool.effect", effect)
    document["call"]["args"] = {"amount": "AMOUNT"}
    number = (
        str(amount) if not isinstance(amount, str | bool | list | None) else orjson.dumps(amount).decode()
    )
    asked = orjson.dumps(document).replace(b'"AMOUNT"', number.encode())
    here, there = (
        tool.evaluate(SHOP, "data.licet.decision", asked, explain=False) for tool in (carried, program)
    )
    assert here.value is not None
    assert here == there


def test_a_trace_and_what_was_printed_are_the_same(carried: Carried, program: Toolchain) -> None:
    document = orjson.dumps(changed("call.args", {"amount": 101}))
    here, there = (
        tool.evaluate(SHOP, "data.licet.decision", document, explain=True) for tool in (carried, program)
    )
    assert here == there
    assert here.printed == "asked for 101\n"
    assert "user/shop.rego:5" in here.trace
    assert '"over 100"' not in here.trace.splitlines()[-1]


def test_what_is_undefined_is_so_by_both(carried: Carried, program: Toolchain) -> None:
    for tool in (carried, program):
        found = tool.evaluate(SHOP, "data.nothing.there", b"{}", explain=True)
        assert found.value is None
        assert found.trace.startswith("query:1")


def test_an_error_of_an_evaluation_is_refused_by_both(carried: Carried, program: Toolchain) -> None:
    conflict = {**SHOP, "user/a.rego": b"package a\n\nx := 1 if input\n\nx := 2 if input\n"}
    for tool in (carried, program):
        with pytest.raises(Refused, match="conflict") as raised:
            tool.evaluate(conflict, "data.a", b"{}", explain=False)
        assert raised.value.problems[0].file == "user/a.rego"


def test_a_file_is_parsed_to_the_same_tree(carried: Carried, program: Toolchain) -> None:
    trees = carried.parse(SHOP)
    assert trees == program.parse(SHOP)
    assert set(trees) == {name for name in SHOP if name.endswith(".rego")}
    with pytest.raises(Refused):
        carried.parse({"a.rego": b"package"})


def test_deep_nesting_is_no_crash(carried: Carried, program: Toolchain) -> None:
    deep = {**SHOP, "user/a.rego": b"package licet.user.a\n\na := " + b"[" * 3000 + b"]" * 3000 + b"\n"}
    assert check(carried, deep) == check(program, deep)
    deeper = {"a.rego": b"package a\n\na := " + b"[" * 400_000 + b"]" * 400_000 + b"\n"}
    with pytest.raises((PolicyError, Refused)):
        carried.parse(deeper)


ENDLESS = (
    b"package a\n\nx := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000)])\n"
)


def test_what_takes_too_long_is_stopped(
    carried: Carried, program: Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried.version()
    monkeypatch.setattr("licet.policies.carried._TIMEOUT", 0.5)
    monkeypatch.setattr("licet.policies.opa_program._TIMEOUT", 0.5)
    for tool in (carried, program):
        with pytest.raises(PolicyError, match="took more than"):
            tool.evaluate({"a.rego": ENDLESS}, "data.a", b"{}", explain=False)
    monkeypatch.undo()
    assert carried.version() == opa_program.PINNED


def test_it_has_nothing_of_this_machine(carried: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICET_SECRET_OF_THIS_TEST", "seen")
    source = b'package a\n\nx := {"env": opa.runtime().env, "file": http.send({"method": "get", "url": "file:///etc/passwd"})}\n'
    with_file = carried.evaluate({"a.rego": source}, "data.a", b"{}", explain=False)
    assert with_file.value in (None, {})
    alone = carried.evaluate(
        {"a.rego": b"package a\n\nx := opa.runtime().env\n"}, "data.a", b"{}", explain=False
    )
    assert alone.value == {"x": {}}


def test_the_compiled_toolchain_is_kept_for_this_user_alone(carried: Carried) -> None:
    carried.version()
    directory = cache_directory()
    assert directory is not None
    kept = list((directory / "toolchain").glob("*.module"))
    assert 1 <= len(kept) <= 2
    for file in (directory / "toolchain", *kept):
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0


def test_an_import_prepares_nothing() -> None:
    said = "import sys, licet.policies.toolchain; print('wasmtime' in sys.modules, 'rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_a_terminal_is_told_what_takes_so_long_and_a_pipe_is_not(carried: Carried, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from licet.policies.carried import Carried; print(Carried().version())"]
    environment = {**os.environ, "LICET_CACHE_DIR": str(tmp_path), "TERM": "xterm", "COLUMNS": "120"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # the other end has gone
            pass
        assert process.stdout is not None
        assert process.stdout.read().decode().strip() == opa_program.PINNED
    os.close(ours)
    assert b"Preparing OPA's compiler" in shown
    again = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert again.stderr == b""


def test_the_order_in_which_they_are_taken(
    carried: Carried, real_opa: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(real_opa.parent))
    monkeypatch.delenv("LICET_OPA", raising=False)
    assert isinstance(toolchain.find(), Carried)
    monkeypatch.setenv("LICET_OPA", str(real_opa))
    assert isinstance(toolchain.find(), opa_program.Program)
    monkeypatch.setattr(toolchain, "TOOLCHAIN", tmp_path / "none")
    monkeypatch.delenv("LICET_OPA")
    assert isinstance(toolchain.find(), opa_program.Program)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(opa_program.OpaMissing, match="make toolchain"):
        toolchain.find()


def test_without_opa_a_folder_is_compiled_by_the_toolchain(
    carried: Carried, real_opa: Path, folder: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = folder(shop=RULES, shop__data_dot_json='{"most": 100}')
    by_program = opa_program.Program(real_opa)
    monkeypatch.setattr(toolchain, "find", lambda: by_program)
    expected = load(place)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LICET_OPA", raising=False)
    assert load(place).bundle == expected.bundle
    (place / "shop.rego").write_text(RULES + '\ngrant contains "x" if input.nothing\n')
    with pytest.raises(PolicyError) as raised:
        load(place)
    assert raised.value.file == str(place / "shop.rego")
    assert raised.value.line == 10
    assert raised.value.faults[0].column == 23


def test_an_input_that_is_whole_is_decided_as_in_process(carried: Carried) -> None:
    found = carried.evaluate(shipped().files, "data.licet.decision", orjson.dumps(INPUT), explain=False)
    assert found.value is not None
    assert found.value["allow"] is True
