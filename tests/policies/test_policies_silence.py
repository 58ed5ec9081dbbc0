"""What is missing where nothing is undefined: a set has less in it, a default speaks, the library says no.

All are checked together, each as a package of its own: one compilation tells of all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from licet.policies import Fault, opa_program, toolchain
from licet.policies.checking import check

DENY = 'deny contains {"rule": "r", "message": "m"} if '
HIDE = 'hide contains {"rule": "r", "message": "m"} if '
VIOLATIONS = '\n\nviolations contains "too much" if input.call.args.amount > 100'
PASSED = '\n\npassed contains "amount" if input.call.args.amount <= 100'
WITHIN = "\n\nwithin := false if input.call.args.amount > 100"
LEVEL = '\n\ndefault level := "low"\n\nlevel := "high" if input.call.args.amount > 100'
COMPLIANT = DENY + "not compliant\n\ncompliant if "
ARGUMENTS = "import data.licet.library.arguments\n\n"
ROLES = "import data.licet.library.roles\n\n"

AMOUNT = "`input.call.args.amount` may be missing"

SILENCED = {
    "a set that is counted": (COMPLIANT + "count(violations) == 0" + VIOLATIONS, AMOUNT),
    "fewer than one": (COMPLIANT + "count(violations) < 1" + VIOLATIONS, AMOUNT),
    "the count on the other side": (COMPLIANT + "0 >= count(violations | {1})" + VIOLATIONS, AMOUNT),
    "the empty set": (COMPLIANT + "violations == set()" + VIOLATIONS, AMOUNT),
    "what remains of it": (COMPLIANT + 'count(violations - {"x"}) == 0' + VIOLATIONS, AMOUNT),
    "its count in a variable": (COMPLIANT + "{\n\tn := count(violations)\n\tn == 0\n}" + VIOLATIONS, AMOUNT),
    "its count in a function": (COMPLIANT + "none(violations)\n\nnone(s) if count(s) == 0" + VIOLATIONS, AMOUNT),
    "its count as a value": (
        DENY + "not compliant\n\ncompliant := count(violations) == 0" + VIOLATIONS, AMOUNT,
    ),
    "every one of it": (COMPLIANT + 'every one in violations { one == "x" }' + VIOLATIONS, AMOUNT),
    "a comprehension": (COMPLIANT + "count({x | x := input.call.args.amount; x > 100}) == 0", AMOUNT),
    "a sum in a rule": (COMPLIANT + "total <= 100\n\ntotal := sum([x | x := input.call.args.amount])", AMOUNT),
    "counted below not twice": (
        COMPLIANT + "not bad\n\nbad if count(violations) > 0" + VIOLATIONS, AMOUNT,
    ),
    "a default that is true": (DENY + "not within\n\ndefault within := true" + WITHIN, AMOUNT),
    "a default that is true, compared": (DENY + "within == false\n\ndefault within := true" + WITHIN, AMOUNT),
    "a default that is true, in a variable": (
        DENY + "{\n\tok := within\n\tnot ok\n}\n\ndefault within := true" + WITHIN, AMOUNT,
    ),
    "a default of a function that is true": (
        DENY + "not within(1)\n\ndefault within(_) := true\n\nwithin(n) := false if input.call.args.amount > n",
        AMOUNT,
    ),
    "a default that is another word": (DENY + 'level == "high"' + LEVEL, AMOUNT),
    "a default that is the good word": (COMPLIANT + 'level == "low"' + LEVEL, AMOUNT),
    "a default that is not to be": (DENY + 'level != "low"' + LEVEL, AMOUNT),
    "an else that is true": (DENY + "not within" + WITHIN + " else := true", AMOUNT),
    "an else that is true on a condition": (
        DENY + "not within" + WITHIN + " else := true if input.run.step > 0", AMOUNT,
    ),
    "a pattern on the right": (
        DENY + '{\n\tinput.context.environment = {"blocked": b}\n\tb\n}', "`{...}.blocked` may be missing",
    ),
    "a pattern on the left": (
        DENY + '{\n\t{"blocked": b} = input.context.environment\n\tb\n}', "`{...}.blocked` may be missing",
    ),
    "a variable on the right": (DENY + "{\n\tinput.call.args = a\n\ta.amount > 100\n}", "`a.amount` may be missing"),
    "arrays of both": (
        DENY + "{\n\t[input.call.args, input.tool] = [a, t]\n\ta.amount > 100\n\tt.idempotent\n}",
        "`a.amount` may be missing",
    ),
    "an array of a certain length": (
        DENY + '{\n\tinput.principal.roles = [a, "x"]\n\ta != "y"\n}', "may have another length",
    ),
    "an object that is written out": (DENY + 'input.call.args == {"mode": "x"}', "`{...}.mode` may be missing"),
    "a bound of the library": (ARGUMENTS + DENY + 'arguments.at_least("amount", 100)', "says no of what is missing"),
    "a bound of the library, in a rule": (
        ARGUMENTS + DENY + 'large\n\nlarge if arguments.at_least("amount", 100)', "says no of what is missing",
    ),
    "a bound of the library, below not twice": (
        ARGUMENTS + DENY + 'not small\n\nsmall if not arguments.at_least("amount", 100)', "says no of what",
    ),
    "an attribute, by the library": (
        ROLES + DENY + 'roles.attribute_in("region", ["us"])', "`roles.attribute_in` says no",
    ),
    "values by the library": (
        ARGUMENTS + DENY + '{\n\tsome v in arguments.values("amount")\n\tv > 100\n}', "`arguments.values` gives",
    ),
    "every value by the library": (
        ARGUMENTS + COMPLIANT + 'every v in arguments.values("amount") { v <= 100 }', "`arguments.values` gives",
    ),
    "what the library is asked with": (
        ARGUMENTS + DENY + 'not arguments.at_most("amount", input.call.args.limit)', "args.limit` may be missing",
    ),
    "a hiding by an argument": (HIDE + "input.call.args.amount > 100", "`input.call` is not there when tools are"),
    "a hiding by the reason": (HIDE + 'input.call.reason == ""', "`input.call` is not there when tools are"),
    "a hiding by what is allowed": (HIDE + "input.allowance.within", "`input.allowance` is not there when tools are"),
    "a hiding by the library": (
        ARGUMENTS + HIDE + 'arguments.given("amount")', "asks about the arguments of a call",
    ),
    "a field of what is filtered": (
        DENY + 'object.filter(input.call.args, ["amount"]).amount > 100', "`object.filter(...).amount` may be missing",
    ),
    "a key that is named afterwards": (
        DENY + '{\n\tsome n\n\tinput.call.args[n] > 100\n\tn == "amount"\n}', "nothing under the key that is looked up",
    ),
    "a key that is named while all are gone over": (
        DENY + '{\n\tsome n, v in input.call.args\n\tn == "amount"\n\tv > 100\n}', "nothing under the key",
    ),
    "a key that is one of several": (
        DENY + '{\n\tsome n, v in input.call.args\n\tn in {"amount", "total"}\n\tv > 100\n}', "nothing under the key",
    ),
    "a key in a pattern": (DENY + '{\n\tsome "amount", v in input.call.args\n\tv > 100\n}', AMOUNT),
}  # fmt: skip

HEARD = {
    "what passed is counted": COMPLIANT + "count(passed) > 0" + PASSED,
    "what passed is all there is": COMPLIANT + "count(passed) == 1" + PASSED,
    "nothing passed": DENY + "count(passed) == 0" + PASSED,
    "too little passed": DENY + "count(passed) < 2" + PASSED,
    "what did not pass": DENY + 'count({"amount", "size"} - passed) > 0' + PASSED,
    "nothing passed, in a variable": DENY
    + "{\n\tpassed := {x | x := input.call.args.amount}\n\tcount(passed) == 0\n}",
    "a default that is false": DENY
    + "not within\n\ndefault within := false\n\nwithin if input.call.args.amount <= 100",
    "a default that is false, compared": DENY
    + "within == false\n\ndefault within := false\n\nwithin if input.call.args.amount <= 100",
    "an else that is false": DENY
    + "not within\n\nwithin := true if input.call.args.amount <= 100 else := false",
    "an else that is the bad case": DENY
    + "large\n\nlarge := false if input.call.args.amount <= 100 else := true",
    "a default that is the bad word": DENY
    + 'level != "low"\n\ndefault level := "high"\n\nlevel := "low" if input.call.args.amount <= 100',
    "a bound of the library below not": ARGUMENTS + DENY + 'not arguments.at_most("amount", 100)',
    "a bound of the library that is false": ARGUMENTS + DENY + 'arguments.at_most("amount", 100) == false',
    "what the library says is given": ARGUMENTS + DENY + 'arguments.given("amount")',
    "a role, by the library": ROLES + DENY + 'roles.has("suspended")',
    "what was not done yet": "import data.licet.library.history\n\n"
    + DENY
    + 'history.calls_below("verify", 1)',
    "a hiding by the tool": HIDE
    + '{\n\tinput.tool.effect == "write"\n\tnot "senior" in input.principal.roles\n}',
    "any key but one": DENY + '{\n\tsome n, v in input.call.args\n\tn != "amount"\n\tv == "x"\n}',
    "a variable of two comprehensions": DENY
    + '{\n\tcount({n | some n; input.call.args[n] == "x"}) > 0\n\tcount({n | some n; input.call.args[n] == 2}) > 0\n}',
    "a variable below not": COMPLIANT + "{\n\tn := input.call.args.amount\n\tn <= 100\n}",
}

SOURCES = [source for source, _ in SILENCED.values()] + list(HEARD.values())


@pytest.fixture(scope="module")
def found(real_opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Fault]]:
    place = tmp_path_factory.mktemp("silence")
    for number, source in enumerate(SOURCES):
        (place / f"case_{number}.rego").write_text(f"package licet.user.case_{number}\n\n{source}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toolchain, "find", lambda: opa_program.Program(real_opa))
        faults = check([place]).faults
    return lambda source: [
        fault for fault in faults if Path(fault.file or "").stem == f"case_{SOURCES.index(source)}"
    ]


@pytest.mark.parametrize(("source", "said"), SILENCED.values(), ids=SILENCED)
def test_what_could_silence_it_is_told(found: Callable[[str], list[Fault]], source: str, said: str) -> None:
    (fault,) = found(source)
    assert fault.lint == "silent"
    assert said in fault.reason


@pytest.mark.parametrize("source", HEARD.values(), ids=HEARD)
def test_what_cannot_silence_it_is_not_told(found: Callable[[str], list[Fault]], source: str) -> None:
    assert found(source) == []


def chain(length: int) -> str:
    rules = [f"r{number} if r{number + 1}" for number in range(length)]
    return "\n\n".join([DENY + "r0", *rules, f"r{length} if input.run.step > 3"])


TOO_DEEP = {
    "a chain of rules": (chain(150), 3),
    "a sum": (DENY + "input.run.step > " + " + ".join(["1"] * 400), 3),
    "a sum that no parser of JSON reads": (DENY + "input.run.step > " + " + ".join(["1"] * 600), None),
}


@pytest.mark.parametrize(("source", "line"), TOO_DEEP.values(), ids=TOO_DEEP)
def test_what_is_nested_too_deeply_is_a_fault_that_says_what_to_do(
    real_opa: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, line: int | None
) -> None:
    monkeypatch.setattr(toolchain, "find", lambda: opa_program.Program(real_opa))
    (tmp_path / "shop.rego").write_text(f"package licet.user.shop\n\n{source}\n")
    (fault,) = check([tmp_path]).faults
    assert fault.line == line
    assert "nested too deeply to be checked: give parts of a long expression names" in fault.reason
