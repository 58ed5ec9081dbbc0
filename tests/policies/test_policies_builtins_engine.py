"""Builtins within a whole policy: what stops an evaluation, strings of bytes, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
import zoneinfo
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import INPUT, changed, decide

from licet.policies import PolicyEngine, PolicyError, load

Make = Callable[..., Path]

ROOM = """package licet.user.room

deny contains {{"rule": "r", "message": message}} if {{
	message := {call}
}}
"""


async def said(engine: PolicyEngine, args: dict[str, Any], *, escape: bool = False) -> str | None:
    """The message of the one denial, None when nothing is denied; asked twice, for an instance is used again."""
    raw = orjson.dumps(changed("call.args", args))
    if escape:
        raw = _escaped(raw)
    first, second = await decide(engine, raw), await decide(engine, raw)
    assert first == second
    assert first.cause is None, first.cause
    return first.denials[0].message if first.denials else None


def _escaped(raw: bytes) -> bytes:
    out = ""
    for unit in memoryview(raw.decode().encode("utf-16-le")).cast("H"):
        out += chr(unit) if unit < 0x80 else f"\\u{unit:04x}"
    return out.encode()


@pytest.fixture
def room(real_opa: Path, folder: Make) -> Callable[[str], PolicyEngine]:
    return lambda call: load(folder(room=ROOM.format(call=call)))


async def test_a_message_is_made_of_what_the_call_says(room: Callable[[str], PolicyEngine]) -> None:
    engine = room('sprintf("%s: %d of %v", [input.call.args.name, input.call.args.n, input.call.args])')
    assert await said(engine, {"name": "ü", "n": 12}) == 'ü: 12 of {"n": 12, "name": "ü"}'
    assert await said(engine, {"name": "a"}) is None


async def test_a_failed_builtin_is_undefined(room: Callable[[str], PolicyEngine]) -> None:
    engine = room('sprintf("%d", [units.parse_bytes(input.call.args.size)])')
    assert await said(engine, {"size": "1.5KiB"}) == "1536"
    assert await said(engine, {"size": "many"}) is None


@pytest.mark.parametrize(
    ("call", "args", "cause"),
    [
        ('sprintf("%d", [count(net.cidr_expand(input.call.args.net))])', {"net": "10.0.0.0/8"}, "net.cidr_expand"),
        ('sprintf("%d", [count(numbers.range_step(0, input.call.args.n, 1))])', {"n": 10**9}, "numbers.range_step"),
        ('time.weekday([0, input.call.args.zone])', {"zone": "Local"}, "time.weekday: the zone Local"),
        ('sprintf("%1000000s", [input.call.args.s])', {"s": "\u00e9" * 10}, None),
        ('sprintf(input.call.args.f, ["x", "y", "z"])', {"f": "%1000000[1]s" * 9}, "sprintf"),
    ],
)  # fmt: skip
async def test_what_would_take_too_much_denies_and_the_next_call_is_decided(
    room: Callable[[str], PolicyEngine], call: str, args: dict[str, Any], cause: str | None
) -> None:
    engine = room(call)
    decision = await decide(engine, changed("call.args", args))
    assert (decision.cause is None) == (cause is None), decision.cause
    if cause:
        assert not decision.allow
        assert decision.cause is not None
        assert decision.cause.startswith(f"the evaluation was stopped: {cause}")
    assert (await decide(engine, INPUT)).cause is None


async def test_a_string_of_bytes_has_a_digest(room: Callable[[str], PolicyEngine]) -> None:
    engine = room("crypto.sha256(base64.decode(input.call.args.raw))")
    found = await said(engine, {"raw": "gIH/AA=="})
    assert found == hashlib.sha256(base64.b64decode("gIH/AA==")).hexdigest()


async def test_a_string_of_bytes_that_is_no_text_stops_what_needs_text(
    room: Callable[[str], PolicyEngine],
) -> None:
    engine = room('sprintf("%s", [base64.decode(input.call.args.raw)])')
    decision = await decide(engine, changed("call.args", {"raw": "gIH/AA=="}))
    assert decision.cause == "the evaluation was stopped: sprintf: a string is not UTF-8"


@pytest.mark.parametrize(
    "text", ["𠀀", "\U0010ffff", "a\U00024f2b\\ud840", "é\u2028\x7f", "C:\\udata\\\\ud8"]
)
async def test_an_escaped_character_is_the_character(room: Callable[[str], PolicyEngine], text: str) -> None:
    engine = room('sprintf("%s", [input.call.args.text])')
    assert await said(engine, {"text": text}) == text
    assert await said(engine, {"text": text}, escape=True) == text


async def test_half_a_character_is_denied(room: Callable[[str], PolicyEngine]) -> None:
    engine = room('sprintf("%s", [input.call.args.text])')
    raw = orjson.dumps(changed("call.args", {"text": "@"})).replace(b'"@"', b'"\\ud840"')
    assert (await decide(engine, raw)).cause is not None


def test_threads_have_each_their_own(room: Callable[[str], PolicyEngine]) -> None:
    engine = room('sprintf("%d", [input.call.args.n])')
    wrong: list[int] = []

    def ask(number: int) -> None:
        for n in range(number, number + 300):
            decision = asyncio.run(decide(engine, changed("call.args", {"n": n})))
            if [denial.message for denial in decision.denials] != [str(n)]:
                wrong.append(n)

    threads = [threading.Thread(target=ask, args=(number * 1000,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    "call",
    [
        "time.now_ns()",
        "rand.intn(input.x, 2)",
        "json.patch(input, [])",
        "format_int(1, 10)",
        "json.unmarshal(input.x)",
    ],
)
def test_what_is_not_given_is_refused(room: Callable[[str], PolicyEngine], call: str) -> None:
    with pytest.raises(PolicyError) as raised:
        room(call)
    assert raised.value.line == 4
    assert call.partition("(")[0] in raised.value.reason


async def test_zones_are_those_of_tzdata_and_not_the_machines(
    room: Callable[[str], PolicyEngine], tmp_path: Path
) -> None:
    (tmp_path / "zones" / "Europe").mkdir(parents=True)
    tokyo = resources.files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
    (tmp_path / "zones" / "Europe" / "Vaduz").write_bytes(tokyo)
    zoneinfo.reset_tzpath(to=[tmp_path / "zones"])
    try:
        zone = zoneinfo.ZoneInfo.no_cache("Europe/Vaduz")
        assert datetime(2026, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=9)
        engine = room('sprintf("%v", [time.clock([input.call.args.ns, "Europe/Vaduz"])])')
        assert await said(engine, {"ns": 0}) == "[1, 0, 0]"
    finally:
        zoneinfo.reset_tzpath()
