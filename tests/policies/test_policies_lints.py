"""What is wrong with a policy although it compiles, and what only looks as if it were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from licet.policies import Fault, opa_program, toolchain
from licet.policies.checking import Checked, check
from licet.policies.library import LIBRARY

Make = Callable[..., Path]


@pytest.fixture(params=["carried", "program"], scope="module")
def tool(request: pytest.FixtureRequest) -> toolchain.Toolchain:
    """Each lint finds the same whichever toolchain gives the syntax tree."""
    if request.param == "carried":
        carried: toolchain.Toolchain = request.getfixturevalue("carried")
        return carried
    return opa_program.Program(request.getfixturevalue("real_opa"))


@pytest.fixture
def checked(
    tool: toolchain.Toolchain, folder: Make, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Fault, ...]]:
    monkeypatch.setattr(toolchain, "find", lambda: tool)

    def run(source: str, **more: str) -> tuple[Fault, ...]:
        place = folder(shop=f"package licet.user.shop\n\n{source}\n", **more)
        return check([place]).faults

    return run


Checks = Callable[..., tuple[Fault, ...]]

DENY = 'deny contains {"rule": "r", "message": "m"} if '


def lints(faults: tuple[Fault, ...]) -> list[tuple[str | None, int | None]]:
    return [(fault.lint, fault.line) for fault in faults]


SILENCED = {
    "an argument": (DENY + "input.call.args.amount > 100", "`input.call.args.amount` may be missing", 48),
    "an argument by its quoted name": (DENY + 'input.call.args["to whom"] == "x"', '`input.call.args["to whom"]`', 48),
    "an attribute of the principal": (DENY + 'input.principal.attributes.region == "eu"', "attributes.region", 48),
    "below what may be null": (DENY + 'input.context.resource.owner != "u"', "resource` may be null", 48),
    "a count that is not there yet": (DENY + "input.run.counts.refund.executed > 3", "`input.run.counts.refund`", 48),
    "an element": (DENY + 'input.tool.tags[0] == "x"', "nothing under the key that is looked up", 48),
    "data that is not there": (DENY + "input.run.step > data.limits.steps", "`data.limits` is not in the data", 65),
    "a key of the data": (
        DENY + "input.run.step > data.steps[input.workflow.name]", "the data may have nothing", 65,
    ),
    "to_number": (DENY + "to_number(input.call.reason) > 1", "`to_number` gives nothing", 48),
    "a pattern from elsewhere": (DENY + 'regex.match(input.call.reason, "x")', "`regex.match` gives nothing", 48),
    "a division": (DENY + "input.run.spent.usd / input.run.spent.calls > 1", "`/` gives nothing", 48),
    "the message": (
        'deny contains {"rule": "r", "message": input.call.args.note} if input.tool.name == "x"', "args.note", 40,
    ),
    "an approval": (
        'approval contains {"rule": "r", "requires": [{"group": "g", "count": 1}], "expires_in": 60, "reason": "x"}'
        " if input.call.args.amount > 1", "this approval does not fire", 111,
    ),
    "a variable": (DENY + "{\n\targs := input.call.args\n\targs.amount > 100\n}", "`args.amount` may be missing", 2),
    "an element of what is declared": (
        DENY + "{\n\tsome origin in input.call.provenance\n\torigin.sources[_].call\n}", "call` may be missing", 2,
    ),
    "inside every": (
        DENY + "{\n\tevery one in input.call.provenance { one.sources[0] }\n}", "nothing under the key", 39,
    ),
    "inside a comprehension": (DENY + "count({x | x := input.call.args.to}) > 1", "args.to", 64),
    "below not twice": (DENY + "not small\n\nsmall if not input.call.args.big", "args.big", 14),
    "a rule it reads": (DENY + "large\n\nlarge if input.call.args.amount > 100", "the denial in line 3 of shop", 10),
    "a rule with a default of false": (
        DENY + "large\n\ndefault large := false\n\nlarge if input.call.args.amount > 100", "args.amount", 10,
    ),
    "a function it calls": (DENY + "large(1)\n\nlarge(n) if input.call.args.amount > n", "args.amount", 13),
    "a parameter": (DENY + "large(input.call)\n\nlarge(call) if call.args.amount > 100", "`call.args.amount`", 16),
    "a parameter that is the input": (
        DENY + "large(input)\n\nlarge(i) if i.call.args.amount > 100", "`i.call.args.amount` may be", 13,
    ),
    "a parameter of a parameter": (
        DENY + "large(input)\n\nlarge(i) if above(i.call, 100)\n\nabove(call, n) if call.args.amount > n",
        "`call.args.amount` may be missing", 19,
    ),
    "the second parameter": (
        DENY + "above(100, input.call.args)\n\nabove(n, args) if args.amount > n", "`args.amount` may be", 19,
    ),
    "a variable that is handed on": (
        DENY + "{\n\tsome origin in input.call.provenance\n\tseen(origin)\n}\n\nseen(it) if it.sources[0]",
        "`it.sources` may have nothing", 13,
    ),
    "what a function gives": (DENY + "amount(input.call) > 1\n\namount(call) := call.args.amount", "`call.args.", 17),
    "a field of what a function gives": (
        DENY + "args_of(input).amount > 1\n\nargs_of(i) := i.call.args", "`args_of(...).amount` may", 48,
    ),
    "a field of what a rule gives": (DENY + "args.amount > 1\n\nargs := input.call.args", "`args.amount` may", 48),
    "a field of what an imported rule gives": (
        "import data.licet.user.shop.args as given\n\n" + DENY + "given.amount > 1\n\nargs := input.call.args",
        "`args.amount` may", 48,
    ),
    "a parameter that is a pattern": (
        DENY + 'large(input.call.args)\n\nlarge({"amount": n}) if n > 100', "`{...}.amount` may be missing", 8,
    ),
    "a variable that is unified": (DENY + "{\n\targs = input.call.args\n\targs.amount > 1\n}", "`args.amount`", 2),
    "each argument as a number": (
        DENY + "{\n\tsome value in input.call.args\n\tto_number(value) > 1\n}", "`to_number` gives nothing", 2,
    ),
    "each argument as a moment, with its name": (
        DENY + '{\n\tsome key, value in input.call.args\n\tkey != "x"\n\ttime.parse_rfc3339_ns(value) > 1\n}',
        "`time.parse_rfc3339_ns` gives nothing", 2,
    ),
    "each argument as a number, in a function": (
        DENY + "{\n\tsome value in input.call.args\n\tlarge(value)\n}\n\nlarge(text) if to_number(text) > 1",
        "`to_number` gives nothing", 16,
    ),
    "an import": ("import input.call.args\n\n" + DENY + "args.amount > 100", "`input.call.args.amount`", 48),
    # OPA works out what is called with before the `not`.
    "what is compared below not": (DENY + "not input.call.args.amount <= 100", "args.amount` may be missing", 52),
    "what a function is called with below not": (
        DENY + "not small(input.call.args.amount)\n\nsmall(n) if n <= 100", "args.amount` may be missing", 58,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "said", "column"), SILENCED.values(), ids=SILENCED)
def test_what_could_silence_a_denial_or_an_approval_is_told(
    checked: Checks, source: str, said: str, column: int
) -> None:
    (fault,) = checked(source, data_dot_json='{"steps": {"desk": 3}}')
    assert fault.lint == "silent"
    assert said in fault.reason
    assert fault.column == column
    assert fault.source is not None
    assert fault.source in source


HEARD = {
    "what is always there": DENY + '"suspended" in input.principal.roles',
    "a field that is compared with ==, below not": DENY + "not input.call.args.amount == 100",
    "a field itself, below not": DENY + "not input.call.args.approved",
    "a rule below not": DENY + "not small\n\nsmall if input.call.args.amount <= data.most",
    "a rule below not that reads a rule": DENY
    + "not small\n\nsmall if fits\n\nfits if input.call.args.amount < 9",
    "a default of its own": DENY + 'object.get(input.call.args, "amount", 101) > 100',
    "a default of a rule": (
        DENY + "large\n\ndefault large := true\n\nlarge := false if input.call.args.amount <= 100"
    ),
    "going over what is there": DENY + '{\n\tsome tag in input.tool.tags\n\ttag == "x"\n}',
    "going over labels": DENY + '"external" in input.call.provenance[_].labels',
    "data that is there": DENY + "input.run.step > data.most",
    "a constant pattern": DENY + 'regex.match("^x", input.call.reason)',
    "a constant divisor": DENY + "input.run.spent.usd / 2 > 1",
    "a constant number": DENY + 'input.run.step > to_number("3")',
    "a print, which shows what is undefined": DENY
    + '{\n\tprint(input.call.args.x)\n\tinput.tool.name == "x"\n}',
    "a template, which shows what is undefined": (
        'deny contains {"rule": "r", "message": $"{input.call.args.x}"} if input.tool.name == "x"'
    ),
    "a parameter below not": DENY + "not small(input.call)\n\nsmall(call) if call.args.amount <= 100",
    "a parameter of which the field is always there": (
        DENY + 'is_write(input)\n\nis_write(i) if i.tool.effect == "write"'
    ),
    "a parameter of which nothing is known": (
        DENY + 'large(object.get(input.call.args, "size", {"of": 101}))\n\nlarge(size) if size.of > 100'
    ),
    "a default of a function": (
        DENY + "large(input.call)\n\ndefault large(_) := true\n\nlarge(call) := false if call.args.amount < 9"
    ),
    "a field of one of several values": (
        DENY + 'size.n > 1\n\ndefault size := {"n": 2}\n\nsize := input.call.args if input.run.step > 3'
    ),
    "a field that is always there of what a rule gives": DENY + 'tool.name == "x"\n\ntool := input.tool',
    "a grant": 'grant contains "g" if input.call.args.amount < 100',
}


@pytest.mark.parametrize("source", HEARD.values(), ids=HEARD)
def test_what_cannot_silence_it_is_not_told(checked: Checks, source: str) -> None:
    assert checked(source, data_dot_json='{"most": 100}') == ()


UNREAD = {
    "a rule": "lost := 1",
    "a misspelt denial": 'denials contains {"rule": "r", "message": "m"} if input.tool.name == "x"',
    "a rule that only an unread one reads": "lost if other",
    "a function": "lost(x) := x + 1",
}


@pytest.mark.parametrize("source", UNREAD.values(), ids=UNREAD)
def test_a_rule_that_the_decision_never_reads_is_told(checked: Checks, source: str) -> None:
    faults = checked(f'grant contains "g" if other\n\nother if input.tool.name == "x"\n\n{source}')
    assert lints(faults) == [("unreachable", 7)]


def test_a_package_that_nothing_reads_is_told(checked: Checks) -> None:
    faults = checked('grant contains "g" if input.tool.name == "x"', shared="package shared\n\nx := 1\n")
    assert [(Path(fault.file or "").name, fault.lint) for fault in faults] == [("shared.rego", "unreachable")]


@pytest.mark.parametrize(
    "reading",
    ["data.shared.x", "shared.x", "s.x", 'data.shared["x"]', "data.shared[_]", "data[_].x"],
)
def test_a_package_that_is_read_is_not_told(checked: Checks, reading: str) -> None:
    imported = {"shared.x": "import data.shared\n\n", "s.x": "import data.shared as s\n\n"}.get(reading, "")
    assert (
        checked(f'{imported}grant contains "g" if {reading} == 1', shared="package shared\n\nx := 1\n") == ()
    )


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('grant contains "g" if input.run.step < most\n\nmost := 3 if input.tool.name == "x"', 5),
        ('grant contains "g" if f(most) == 1\n\nf(x) := x\n\nmost := 3 if input.tool.name == "x"', 7),
    ],
)
def test_a_value_without_a_default_that_is_read_is_told(checked: Checks, source: str, line: int) -> None:
    assert lints(checked(source)) == [("no-default", line)]


@pytest.mark.parametrize(
    "source",
    [
        'grant contains "g" if input.run.step < most\n\ndefault most := 1\n\nmost := 3 if input.tool.name == "x"',
        'grant contains "g" if input.run.step < most\n\nmost := 3 if { input.tool.name == "x" } else := 1',
        'grant contains "g" if input.run.step < most\n\nmost := 3',
        'grant contains "g" if ready\n\nready if input.tool.name == "x"',
        'grant contains "g" if not busy\n\nbusy if input.tool.name == "x"',
    ],
)
def test_a_rule_that_is_always_defined_or_only_a_condition_needs_no_default(
    checked: Checks, source: str
) -> None:
    assert checked(source) == ()


READ = 'grant contains "g" if level == "low"\n\n'


@pytest.mark.parametrize(
    "source",
    [
        'default level := "x"\n\nlevel := "low" if input.run.step < 5\n\nlevel := "high" if input.run.step > 3',
        'default level := "x"\n\nlevel := "low" if input.run.step < 5\n\nlevel := input.tool.name if input.run.step',
    ],
)
def test_a_rule_that_may_have_two_values_is_told(checked: Checks, source: str) -> None:
    assert lints(checked(READ + source)) == [("conflict", 9)]


@pytest.mark.parametrize(
    "source",
    [
        'default level := "x"\n\nlevel := "low" if input.run.step < 5\n\nlevel := "high" if input.run.step >= 5',
        'default level := "x"\n\nlevel := "low" if input.run.step == 5\n\nlevel := "high" if input.run.step == 6',
        'default level := "x"\n\nlevel := "low" if a\n\nlevel := "high" if not a\n\na if input.run.step > 1',
        'level := "low" if { input.run.step < 5 } else := "high"',
        'default level := "x"\n\nlevel := "low" if input.run.step < 5\n\nlevel := "low" if input.run.step > 3',
    ],
)
def test_definitions_that_exclude_each_other_are_not_told(checked: Checks, source: str) -> None:
    assert checked(READ + source) == ()


MALFORMED = {
    "a denial that is true": ("deny := true", "`deny` is a set"),
    "grants in an object": ('grant["a"] := 1', "`grant` is a set"),
    "a denial that is text": ('deny contains "no"', "an element of `deny` is an object"),
    "a grant that is a number": ("grant contains 1", "a grant is a rule id, which is a string"),
    "no message": ('deny contains {"rule": "a"}', "needs `message`"),
    "a stranger": ('deny contains {"rule": "a", "message": "b", "visible": true}', "has no `visible`"),
    "a message that is a number": ('deny contains {"rule": "a", "message": 3}', "`message` is a string"),
    "a hiding that names its tool": (
        'hide contains {"rule": "a", "message": "b", "tool": "c"}', "`hide` has no `tool`",
    ),
    "a hiding in words": ('hide contains "refund"', "an element of `hide` is an object"),
    "hidings that are no set": ("hide := true", "`hide` is a set"),
    "an expiry in words": (
        'approval contains {"rule": "a", "reason": "b", "requires": [{"group": "g", "count": 1}], "expires_in": "1d"}',
        "`expires_in` is a number",
    ),
    "an expiry of nothing": (
        'approval contains {"rule": "a", "reason": "b", "requires": [{"group": "g", "count": 1}], "expires_in": 0}',
        "whole number of seconds",
    ),
    "no group": (
        'approval contains {"rule": "a", "reason": "b", "requires": [], "expires_in": 5}', "at least one group",
    ),
    "a group by another name": (
        'approval contains {"rule": "a", "reason": "b", "requires": [{"who": "g", "count": 1}], "expires_in": 5}',
        'an entry of `requires` is {"group"',
    ),
}  # fmt: skip


@pytest.mark.parametrize(("source", "said"), MALFORMED.values(), ids=MALFORMED)
def test_what_would_deny_every_call_by_its_form_is_told(checked: Checks, source: str, said: str) -> None:
    (fault,) = checked(source)
    assert (fault.lint, fault.line) == ("form", 3)
    assert said in fault.reason


def test_what_hides_a_tool_is_read_and_told_when_it_may_be_silent(checked: Checks) -> None:
    assert checked('hide contains {"rule": "r", "message": "m"} if input.tool.effect == "write"') == ()
    (fault,) = checked('hide contains {"rule": "r", "message": "m"} if input.principal.attributes.level < 3')
    assert fault.lint == "silent" and "this hiding does not fire" in fault.reason


def accepting(what: str, scope: str = "rule") -> str:
    return f"# METADATA\n# scope: {scope}\n# custom:\n#   licet:\n#     accept:\n#       {what}\n"


@pytest.mark.parametrize(
    "source",
    [
        accepting("silent: The tool requires it.") + DENY + "input.call.args.amount > 100",
        accepting("silent: The tool requires it.", "document") + DENY + "input.call.args.amount > 100",
        DENY + "large\n\n" + accepting("silent: It is there.") + "large if input.call.args.amount > 100",
        accepting("silent: It is there.") + DENY + "large\n\nlarge if input.call.args.amount > 100",
        DENY + 'input.tool.name == "x"\n\n' + accepting("unreachable: For the tests.") + "spare := 1",
    ],
)
def test_a_finding_is_accepted_with_its_reason(checked: Checks, source: str) -> None:
    assert checked(source) == ()


def test_a_whole_package_accepts(
    tool: toolchain.Toolchain, folder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "find", lambda: tool)
    note = accepting("silent: The tools require them.", "package")
    place = folder(shop=f"{note}package licet.user.shop\n\n{DENY}input.call.args.amount > 100\n")
    assert check([place]).faults == ()


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (accepting("silent: Nothing is."), "there is no `silent` here"),
        (accepting("silent: ''"), "say why"),
        (accepting("quiet: x"), "`quiet` cannot be accepted"),
        (accepting("form: x"), "`form` cannot be accepted"),
        ("# METADATA\n# custom:\n#   licet: silent\n", "`custom.licet` holds `accept`"),
    ],
)
def test_an_acceptance_that_accepts_nothing_is_told(checked: Checks, note: str, said: str) -> None:
    (fault,) = checked(note + DENY + 'input.tool.name == "x"')
    assert fault.lint == "accept"
    assert said in fault.reason


def test_a_test_that_does_not_compile_is_told_by_its_file(checked: Checks) -> None:
    (fault,) = checked(
        'grant contains "g" if input.tool.name == "x"',
        shop_test="package licet.user.shop_test\n\ntest_x if nothing(1)\n",
    )
    assert fault.lint is None
    assert (Path(fault.file or "").name, fault.line) == ("shop_test.rego", 3)


def test_a_test_that_declares_what_is_ours_is_told(checked: Checks) -> None:
    (fault,) = checked(
        'grant contains "g" if input.tool.name == "x"', shop_test="package licet\n\ntest_x if true\n"
    )
    assert "Licet's own" in fault.reason


def test_the_librarys_own_rules_would_pass_but_for_what_they_say_themselves(
    tool: toolchain.Toolchain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No false alarm on rules that are known to be right: as if they were a user's, nothing in them falls silent."""
    import orjson

    from licet.policies.library import INPUT_SCHEMA
    from licet.policies.lints import lint

    trees = tool.parse({f"user/{path.name}": path.read_bytes() for path in LIBRARY.glob("*.rego")})
    found = lint(trees, orjson.loads(INPUT_SCHEMA.read_bytes()), {})
    assert {one.lint for one in found} <= {"unreachable", "no-default"}


def test_several_paths_and_data_are_one_policy_set(
    tool: toolchain.Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "find", lambda: tool)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.rego").write_text(
        f"package licet.user.a\n\n{DENY}input.run.step > data.most.steps\n"
    )
    (tmp_path / "b.rego").write_text('package licet.user.b\n\ngrant contains "g" if input.tool.name == "x"\n')
    (tmp_path / "limits.yaml").write_text("most:\n  steps: 3\n")

    def of(*data: Path) -> Checked:
        return check([tmp_path / "one", tmp_path / "b.rego"], data)

    assert of(tmp_path / "limits.yaml").faults == ()
    (fault,) = of().faults
    assert "`data.most` is not in the data" in fault.reason
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "a.rego").write_text("package licet.user.c\n")
    (fault,) = check([tmp_path / "one", tmp_path / "two"]).faults
    assert "in the bundle this would be user/a.rego" in fault.reason
    for wrong in (tmp_path / "limits.yaml", tmp_path / "nowhere"):
        assert "folder of Rego" in check([wrong]).faults[0].reason
