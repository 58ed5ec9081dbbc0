"""Evaluating in this process: deadlines, limits, threads, and compiled policies on disk."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from asking import INPUT, changed, decide

from licet.audit.events import Decided
from licet.policies import PolicyEngine, PolicyError, load
from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.cache import cache_directory
from licet.policies.wasm import INPUT_LIMIT, _compiled

Make = Callable[..., Path]

ENDLESS = """package licet.user.endless

deny contains {"rule": "endless", "message": "m"} if {
	input.call.args.endless
	some a in numbers.range(1, 300)
	some b in numbers.range(1, 300)
	some c in numbers.range(1, 300)
	some d in numbers.range(1, 300)
	a + b + c + d == 0
}
"""
GREEDY = """package licet.user.greedy

deny contains {"rule": "greedy", "message": "m"} if {
	input.call.args.greedy
	count([x | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); x := [a, b]]) == 0
}
"""


async def test_a_passed_deadline_denies_and_the_next_call_is_decided(real_opa: Path, folder: Make) -> None:
    engine = load(folder(endless=ENDLESS), deadline=0.05)
    for _ in range(3):
        decision = await decide(engine, changed("call.args", {"endless": True}))
        assert not decision.allow
        assert decision.cause == "the evaluation passed its deadline"
        assert (await decide(engine, INPUT)).allow


async def test_memory_is_bounded_and_the_next_call_is_decided(real_opa: Path, folder: Make) -> None:
    engine = load(folder(greedy=GREEDY), deadline=60)
    decision = await decide(engine, changed("call.args", {"greedy": True}))
    assert not decision.allow
    assert decision.cause is not None
    assert "opa_malloc" in decision.cause
    assert (await decide(engine, INPUT)).allow


@pytest.mark.parametrize("deadline", [0, -1, float("nan"), 61, float("inf")])
def test_a_deadline_that_is_none_is_refused(deadline: float) -> None:
    with pytest.raises(PolicyError, match="deadline"):
        load(deadline=deadline)


async def test_a_large_input_is_decided_and_a_larger_one_denied(shipped: PolicyEngine) -> None:
    room = INPUT_LIMIT - len(orjson.dumps(changed("call.args", {"text": ""})))
    assert (await decide(shipped, changed("call.args", {"text": "x" * room}))).allow
    decision = await decide(shipped, changed("call.args", {"text": "x" * (room + 1)}))
    assert not decision.allow
    assert decision.cause is not None
    assert str(INPUT_LIMIT) in decision.cause
    assert (await decide(shipped, changed("call.args", {"list": list(range(100_000))}))).allow
    assert (await decide(shipped, INPUT)).allow


def number_at(module: bytes, place: int) -> tuple[int, int]:
    """A number in LEB128, and where it ends."""
    value = shift = 0
    while True:
        byte = module[place]
        value, shift, place = value | (byte & 127) << shift, shift + 7, place + 1
        if byte < 128:
            return value, place


def end_of_data(module: bytes) -> int:
    """Up to which address a module fills the memory when it starts: the format's section 11, its segments."""
    place = 8
    while module[place] != 11:
        length, place = number_at(module, place + 1)
        place += length
    count, place = number_at(module, number_at(module, place + 1)[1])
    ends = []
    for _ in range(count):
        address, place = number_at(module, place + 2)  # the kind of the segment, and i32.const
        length, place = number_at(module, place + 1)  # its end
        ends.append(address + length)
        place += length
    return max(ends)


async def test_a_policy_whose_text_fills_a_page_is_decided(real_opa: Path, folder: Make) -> None:
    rule = 'package licet.user.text\n\ndeny contains {{"rule": "a", "message": "{}"}} if input.call.args.a == "{}"\n'
    text = "x" * 200
    end = end_of_data(Bundle.unpack(load(folder(text=rule.format("b", text))).bundle).wasm)
    # One byte of what the module brings along lies on the next page; OPA itself does not count that part.
    text += "x" * (65536 - end % 65536 + 1)
    engine = load(folder(text=rule.format("b", text)))
    assert end_of_data(Bundle.unpack(engine.bundle).wasm) % 65536 == 1
    assert not (await decide(engine, changed("call.args", {"a": text}))).allow
    assert (await decide(engine, changed("call.args", {"a": text + "x"}))).allow


async def test_many_evaluations_leave_nothing_behind(shipped: PolicyEngine) -> None:
    first = await decide(shipped, INPUT)
    for _ in range(3000):
        assert await decide(shipped, INPUT) == first


async def test_many_tasks_get_each_their_own_answer(shipped: PolicyEngine) -> None:
    async def ask(number: int) -> tuple[int, Decided]:
        await asyncio.sleep(0)
        document = changed("allowance.within", number % 2 == 0)
        return number, await shipped.decide(orjson.dumps(document), f"d-{number}")

    for number, decision in await asyncio.gather(*(ask(number) for number in range(500))):
        assert decision.allow is (number % 2 == 0)
        assert decision.decision_id == f"d-{number}"


def test_threads_get_each_their_own_answer(shipped: PolicyEngine) -> None:
    wrong: list[int] = []
    start = threading.Barrier(4)

    def ask(number: int) -> None:
        raw = orjson.dumps(changed("allowance.within", number % 2 == 0))

        async def loop() -> None:
            for _ in range(500):
                if (await shipped.decide(raw, "d")).allow is not (number % 2 == 0):
                    wrong.append(number)

        start.wait()
        asyncio.run(loop())

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_decides_and_keeps_its_deadline(real_opa: Path, folder: Make) -> None:
    script = """
import asyncio, os, sys
from licet.policies import load
engine = load(sys.argv[1], deadline=0.05)
ask = lambda raw: asyncio.run(engine.decide(raw, "d"))
whole, endless = (open(path, "rb").read() for path in sys.argv[2:])
assert ask(whole).allow
child = os.fork()
if child == 0:
    right = ask(whole).allow and ask(endless).cause == "the evaluation passed its deadline"
    os._exit(0 if right else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    place = folder(endless=ENDLESS)
    (place / "whole").write_bytes(orjson.dumps(INPUT))
    (place / "endless").write_bytes(orjson.dumps(changed("call.args", {"endless": True})))
    subprocess.run(
        [sys.executable, "-c", script, place, place / "whole", place / "endless"], check=True, timeout=60
    )


def test_the_clock_rests_and_wakes_for_the_next_evaluation(real_opa: Path, folder: Make) -> None:
    script = """
import asyncio, sys, time
from licet.policies import load
from licet.policies.wasm import _host
engine = load(sys.argv[1], deadline=0.05)
ticker = _host().ticker
endless = open(sys.argv[2], "rb").read()
for _ in range(2):
    decision = asyncio.run(engine.decide(endless, "d"))
    assert decision.cause == "the evaluation passed its deadline", decision
    assert not ticker.resting
    while not ticker.resting:
        time.sleep(0.01)
"""
    place = folder(endless=ENDLESS)
    (place / "endless").write_bytes(orjson.dumps(changed("call.args", {"endless": True})))
    subprocess.run([sys.executable, "-c", script, place, place / "endless"], check=True, timeout=60)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("LICET_CACHE_DIR", str(tmp_path / "cache"))
    _compiled.cache_clear()
    yield tmp_path / "cache" / "policies"
    _compiled.cache_clear()


def only(directory: Path) -> Path:
    (file,) = directory.iterdir()
    return file


def load_again() -> None:
    """As a fresh process would: nothing compiled is in memory."""
    _compiled.cache_clear()
    assert asyncio.run(decide(load(), INPUT)).allow


def test_a_compiled_policy_is_kept_for_its_owner_alone(cache: Path) -> None:
    load_again()
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(only(cache).stat().st_mode) == 0o600
    before = only(cache).stat()
    load_again()
    assert only(cache).stat() == before


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        flip,
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.chmod(0o666),
    ],
    ids=["a flipped bit", "empty", "cut", "open to all"],
)
def test_a_spoilt_file_is_compiled_again(cache: Path, spoil: Callable[[Path], object]) -> None:
    load_again()
    whole = only(cache).read_bytes()
    spoil(only(cache))
    load_again()
    assert only(cache).read_bytes() == whole
    assert stat.S_IMODE(only(cache).stat().st_mode) == 0o600


def test_a_directory_open_to_others_is_neither_read_nor_written(cache: Path) -> None:
    load_again()
    cache.chmod(0o777)
    only(cache).unlink()
    load_again()
    assert list(cache.iterdir()) == []


def test_a_link_is_not_followed(cache: Path, tmp_path: Path) -> None:
    load_again()
    for place in (only(cache), cache):
        moved = tmp_path / f"moved-{place.name}"
        place.rename(moved)
        place.symlink_to(moved)
        load_again()
        assert place.is_symlink() is (place == cache)
        assert place == cache or only(cache).is_file()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_trusted(cache: Path) -> None:
    load_again()
    os.chown(only(cache), 12345, 12345)
    load_again()
    assert only(cache).stat().st_uid == os.geteuid()
    os.chown(cache, 12345, 12345)
    before = only(cache).stat()
    load_again()
    assert only(cache).stat() == before


def test_where_nothing_can_be_written_it_compiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LICET_CACHE_DIR", str(tmp_path / "file"))
    load_again()


def test_the_cache_lies_in_the_users_own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LICET_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "licet"


def test_the_revision_is_of_what_is_evaluated() -> None:
    bundle = Bundle.unpack(SHIPPED.read_bytes())
    assert load().revision == bundle.revision
    assert len(bundle.revision) == 64
