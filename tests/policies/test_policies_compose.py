"""Policies of the user's own add to the shipped library; they replace and lift nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from asking import INPUT, changed, decide

from licet.policies import PolicyError, load

Make = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("real_opa")

LIMIT = """package licet.user.limits

deny contains {"rule": "limits.amount", "message": "too much", "visible_to_model": true} if {
	input.call.args.amount > data.limits.most
}
"""
FOUR_EYES = """package licet.user.four_eyes

approval contains {
	"rule": "four_eyes.money",
	"requires": [{"group": "finance", "count": 2}],
	"expires_in": 3600,
	"reason": "Money leaves the house.",
} if {
	"money" in input.tool.tags
}

obligation contains {"notify": "finance"}
"""
LAX = """package licet.user.lax

import data.licet.effects

grant contains "lax.everything"

grant contains "lax.without_approval" if count(effects.approval) > 0 with effects.approval as set()
"""


async def test_one_package_adds_a_denial_and_data(folder: Make) -> None:
    engine = load(folder(limits=LIMIT, data_dot_json='{"limits": {"most": 100}}'))
    assert (await decide(engine, changed("call.args", {"amount": 100}))).allow
    decision = await decide(engine, changed("call.args", {"amount": 100.01}))
    assert not decision.allow
    assert [denial.rule for denial in decision.denials] == ["limits.amount"]


async def test_several_packages_add_up(folder: Make) -> None:
    engine = load(folder(limits=LIMIT, sub__four_eyes=FOUR_EYES, lax=LAX, limits__data_dot_yaml="most: 100"))
    decision = await decide(engine, changed("tool.effect", "irreversible"))
    assert decision.allow
    assert "lax.everything" in decision.grants
    assert decision.approval is not None
    assert {count.group: count.count for count in decision.approval.requires} == {"any": 1, "finance": 2}
    assert decision.approval.expires_in == 3600
    assert decision.approval.reason == "Money leaves the house.; What this call does cannot be undone."
    assert decision.approval.rules == ("four_eyes.money", "licet.effects.irreversible_owes_approval")
    assert decision.obligations == ({"notify": "finance"},)


async def test_a_grant_lifts_nothing_of_ours(folder: Make) -> None:
    engine = load(folder(lax=LAX))
    for document in (
        changed("allowance.within", False),
        changed("workflow.mode", "x"),
        changed("tool.effect", "delete"),
        {},
    ):
        assert not (await decide(engine, document)).allow
    owed = (await decide(engine, changed("tool.effect", "irreversible"))).approval
    assert owed is not None
    assert "licet.effects.irreversible_owes_approval" in owed.rules


async def test_a_rule_of_the_wrong_form_denies_everything(folder: Make) -> None:
    engine = load(
        folder(wrong='package licet.user.wrong\n\ndeny contains "no" if input.call.args.amount > 100\n')
    )
    assert (await decide(engine, INPUT)).allow
    decision = await decide(engine, changed("call.args", {"amount": 101}))
    assert not decision.allow
    assert decision.denials[0].rule == "licet.extensions.malformed"


async def test_rules_that_contradict_each_other_deny_with_a_cause(folder: Make) -> None:
    source = """package licet.user.torn

limit := input.call.args.first

limit := input.call.args.second

deny contains {"rule": "torn", "message": "m"} if limit > 1
"""
    engine = load(folder(torn=source))
    decision = await decide(engine, changed("call.args", {"first": 1, "second": 2}))
    assert not decision.allow
    assert decision.cause is not None
    assert (await decide(engine, changed("call.args", {"first": 1, "second": 1}))).allow


async def test_numbers_are_compared_exactly(folder: Make) -> None:
    source = """package licet.user.exact

deny contains {"rule": "exact.amount", "message": "m"} if input.call.args.amount > 1234567890123456.789

deny contains {"rule": "exact.id", "message": "m"} if input.call.args.id == 9223372036854775809
"""
    engine = load(folder(exact=source))

    async def rules(amount: bytes, id: bytes) -> list[str]:
        args = b'{"amount": ' + amount + b', "id": ' + id + b"}"
        raw = orjson.dumps(changed("call.args", "ARGS")).replace(b'"ARGS"', args)
        return [denial.rule for denial in (await decide(engine, raw)).denials]

    assert await rules(b"1234567890123456.789", b"9223372036854775808") == []
    assert await rules(b"1234567890123456.7890000000000000001", b"0") == ["exact.amount"]
    assert await rules(b"1234567890123456.788999999999999999", b"0") == []
    assert await rules(b"0", b"9223372036854775809") == ["exact.id"]
    assert await rules(b"0", b"9223372036854775809.0000000001") == []


SHADOWING = {
    "licet": "package licet\n\nallow := true\n",
    "licet.effects": "\n\n# ours now\npackage licet.effects\n\napproval := set()\n",
    "licet.anything": "package licet.anything\n",
    "licet.user": 'package licet.user\n\nshop := {"grant": {"a"}}\n',
    "licet.user.a.b": "package licet.user.a.b\n\ndeny contains 1\n",
    'licet["effects"]': 'package licet["effects"]\n',
    "over lines": "package # here\n  licet\n\nallow := true\n",
}


@pytest.mark.parametrize("source", SHADOWING.values(), ids=SHADOWING)
def test_a_package_of_ours_is_refused_with_file_and_line(folder: Make, source: str) -> None:
    with pytest.raises(PolicyError) as raised:
        load(folder(fine=FOUR_EYES, taken=source))
    assert raised.value.file is not None
    assert raised.value.file.endswith("taken.rego")
    lines = source.splitlines()
    assert raised.value.line is not None
    assert "licet" in lines[raised.value.line - 1]
    assert len(raised.value.faults) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data_dot_json", '{"licet": {"user": {"shop": {"grant": ["a"]}}}}'),
        ("data_dot_yml", "licet: {effects: {approval: []}}"),
        ("licet__user__shop__data_dot_json", '{"grant": ["a"]}'),
    ],
)
def test_data_under_our_name_is_refused(folder: Make, name: str, content: str) -> None:
    with pytest.raises(PolicyError, match="data under `licet`"):
        load(folder(fine=FOUR_EYES, **{name: content}))


@pytest.mark.parametrize("content", ["[1]", "{", '"x"'])
def test_data_that_is_no_object_is_refused_naming_the_file(folder: Make, content: str) -> None:
    with pytest.raises(PolicyError) as raised:
        load(folder(fine=FOUR_EYES, data_dot_json=content))
    assert raised.value.file is not None
    assert raised.value.file.endswith("data.json")
