"""Policy asked of a real OPA server: its answers, its failures, and its coming back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import INPUT, changed, decide
from opa_process import OpaProcess, free_port

from licet import ConfigurationError
from licet.policies import OpaServer, PolicyEngine, PolicyError, PolicyUnavailable
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server

Make = Callable[..., Path]
LONG = 30.0


@pytest.fixture(scope="module")
def shipped_file(real_opa: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("served") / "licet.tar.gz"
    file.write_bytes(for_server(policy_set()))
    return file


@pytest.fixture
def server(shipped_file: Path, tmp_path: Path) -> Iterator[OpaProcess]:
    with OpaProcess(tmp_path, "--bundle", str(shipped_file)) as process:
        yield process


async def test_it_decides_as_the_engine_in_process(server: OpaProcess, shipped: PolicyEngine) -> None:
    async with OpaServer(server.url) as engine:
        for document in (INPUT, changed("tool.effect", "irreversible"), changed("allowance.within", False)):
            ours = await decide(shipped, document)
            assert await decide(engine, document) == ours.model_copy(update={"engine": "opa"})
        assert (engine.name, engine.revision, engine.bundle) == ("opa", shipped.revision, shipped.bundle)


async def test_many_ask_at_once(server: OpaProcess) -> None:
    async with OpaServer(server.url, deadline=LONG) as engine:
        documents = [changed("allowance.listed", number % 3 > 0) for number in range(150)]
        answers = await asyncio.gather(*(decide(engine, document) for document in documents))
    assert [answer.allow for answer in answers] == [number % 3 > 0 for number in range(150)]


async def test_the_very_bytes_arrive_and_opas_log_names_our_decision(
    shipped_file: Path, tmp_path: Path
) -> None:
    document = orjson.dumps(changed("call.args", {"amount": "@"})).replace(
        b'"@"', b'1234567890123456.789, "most": 123456789012345678901234567890'
    )
    with OpaProcess(
        tmp_path, "--bundle", str(shipped_file), "--set", "decision_logs.console=true", level="info"
    ) as opa:
        async with OpaServer(opa.url) as engine:
            assert (await engine.decide(document, "decision-4711")).allow
        opa.send(signal.SIGTERM)
        opa.wait()
        lines = [orjson.loads(line) for line in opa.log.read_bytes().splitlines() if b"decision-4711" in line]
        text = next(line for line in opa.log.read_text().splitlines() if "decision-4711" in line)
    (line,) = lines
    assert line["custom"]["request_metadata"]["licet"] == {"decision_id": "decision-4711"}
    assert '"amount":1234567890123456.789' in text
    assert '"most":123456789012345678901234567890' in text


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        ("0.1", 0.1),
        ("9007199254740991", 2**53 - 1),
        ("9007199254740993", None),
        ("1234567890123456.789", None),
    ],
)
async def test_a_number_in_an_answer_is_exact_or_the_answer_is_refused(
    real_opa: Path, folder: Make, tmp_path: Path, number: str, kept: float | None
) -> None:
    place = folder(echo='package licet.user.echo\n\nobligation contains {"limit": input.call.args.amount}\n')
    document = orjson.dumps(changed("call.args", {"amount": "@"})).replace(b'"@"', number.encode())
    with serving(place, tmp_path) as opa:
        async with OpaServer(opa.url, policies=place) as engine:
            decision = await engine.decide(document, "d-1")
    if kept is None:
        assert not decision.allow
        assert decision.cause is not None and "exactly" in decision.cause
    else:
        assert decision.allow
        assert decision.obligations == ({"limit": kept},)


def rewritten(raw: bytes, **changes: bytes) -> bytes:
    """The bundle with files of another content."""
    out = BytesIO()
    with tarfile.open(fileobj=BytesIO(raw)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            content = old.extractfile(member)
            assert content is not None
            text = changes.get(member.name, content.read())
            member.size = len(text)
            new.addfile(member, BytesIO(text))
    return out.getvalue()


def serving(place: Path, tmp_path: Path) -> OpaProcess:
    (tmp_path / "serving.tar.gz").write_bytes(for_server(policy_set(place)))
    return OpaProcess(tmp_path, "--bundle", str(tmp_path / "serving.tar.gz"))


async def test_an_evaluation_that_fails_is_a_denial_with_its_cause(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    place = folder(
        shop="package licet.user.shop\n\nlevel := 1 if input.call.args.amount > 1\n\n"
        'level := 2 if input.call.args.amount > 2\n\ngrant contains "shop.level" if level > 0\n'
    )
    with serving(place, tmp_path) as opa:
        async with OpaServer(opa.url, policies=place) as engine:
            assert (await decide(engine, changed("call.args", {"amount": 2}))).allow
            decision = await decide(engine, changed("call.args", {"amount": 3}))
    assert not decision.allow
    assert decision.cause is not None
    assert (
        "500" in decision.cause
        and "eval_conflict_error" in decision.cause
        and "shop.rego:3" in decision.cause
    )


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{}, "input": {}', b"\xff", b'{"a": "\\ud800"}', b"[NaN]", b"1 2"]
)
async def test_an_input_that_is_no_json_is_denied_and_not_sent(server: OpaProcess, text: bytes) -> None:
    async with OpaServer(server.url) as engine:
        decision = await engine.decide(text, "d-1")
    assert not decision.allow
    assert decision.cause == "the input is no JSON"


@pytest.mark.parametrize(
    ("rego", "cause"),
    [
        ("package licet\n", "undefined"),
        ("package licet\n\ndecision := 3\n", "not an object"),
        ('package licet\n\ndecision := {"allow": true}\n', "keys"),
    ],
)
async def test_another_shape_of_answer_is_a_denial_with_its_cause(
    real_opa: Path, tmp_path: Path, rego: str, cause: str
) -> None:
    raw = for_server(policy_set())
    served = tmp_path / "licet.tar.gz"
    served.write_bytes(raw)
    with OpaProcess(tmp_path, "--bundle", str(served)) as opa:
        async with OpaServer(opa.url, deadline=LONG) as engine:
            assert (await decide(engine, INPUT)).allow
            opa.kill()
            served.write_bytes(rewritten(raw, **{"licet/decision.rego": rego.encode()}))
            opa.start()
            decision = await decide(engine, INPUT)
        with pytest.raises(PolicyUnavailable, match=cause):
            await OpaServer(opa.url).start()
    assert not decision.allow
    assert decision.cause is not None and cause in decision.cause


async def test_killed_opa_gives_no_decision_and_the_same_engine_goes_on_when_it_is_back(
    server: OpaProcess,
) -> None:
    async with OpaServer(server.url) as engine:
        assert (await decide(engine, INPUT)).allow
        server.kill()
        with pytest.raises(PolicyUnavailable, match=r"no decision within 1\.0 seconds") as raised:
            await decide(engine, INPUT)
        assert raised.value.exit_code == 3
        server.start()
        await is_back(engine)


async def is_back(engine: OpaServer) -> None:
    """Asks until there is an answer; the test's own patience ends it."""
    async with asyncio.timeout(LONG):
        while True:
            try:
                assert (await decide(engine, INPUT)).allow
            except PolicyUnavailable:
                continue
            return


async def test_stopped_opa_is_slow_and_no_decision_waits_for_it(server: OpaProcess) -> None:
    async with OpaServer(server.url, deadline=0.5) as engine:
        server.send(signal.SIGSTOP)
        waiting = await asyncio.gather(*(decide(engine, INPUT) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(outcome, PolicyUnavailable) for outcome in waiting)
        server.send(signal.SIGCONT)
        await is_back(engine)


async def test_a_restart_within_the_deadline_is_not_seen(server: OpaProcess) -> None:
    async with OpaServer(server.url, deadline=LONG) as engine:
        assert (await decide(engine, INPUT)).allow
        server.kill()
        asked = asyncio.create_task(decide(engine, INPUT))
        await asyncio.sleep(0)
        server.start()
        assert (await asked).allow


async def test_a_cancelled_decision_is_let_go_and_the_engine_answers_the_next(server: OpaProcess) -> None:
    async with OpaServer(server.url, deadline=LONG) as engine:
        server.send(signal.SIGSTOP)
        asked = asyncio.create_task(decide(engine, INPUT))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        server.send(signal.SIGCONT)
        assert (await decide(engine, INPUT)).allow


async def test_it_does_not_start_without_opa() -> None:
    engine = OpaServer(f"http://127.0.0.1:{free_port()}", ready_within=0.3)
    with pytest.raises(PolicyUnavailable, match="not healthy"):
        await engine.start()
    with pytest.raises(ConfigurationError, match="not open"):
        await decide(engine, INPUT)


async def test_it_does_not_start_on_another_policy_set_or_none(
    real_opa: Path, folder: Make, tmp_path: Path, server: OpaProcess, shipped: PolicyEngine
) -> None:
    place = folder(shop='package licet.user.shop\n\ngrant contains "shop.all"\n')
    other = OpaServer(server.url, policies=place, ready_within=0.3)
    with pytest.raises(PolicyUnavailable) as raised:
        await other.start()
    assert shipped.revision in str(raised.value) and other.revision in str(raised.value)
    with OpaProcess(tmp_path) as empty:
        with pytest.raises(PolicyUnavailable, match="no bundle active"):
            await OpaServer(empty.url, ready_within=3).start()


async def test_nobody_adds_to_the_policy_beside_the_bundle(server: OpaProcess) -> None:
    import httpx

    rule = 'package licet.user.intruder\n\ngrant contains "intruder"\n'
    async with OpaServer(server.url) as engine, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.put("/v1/policies/intruder", content=rule)).status_code == 400
        assert (await client.put("/v1/data/licet/user", json={"x": 1})).status_code == 400
        assert not (await decide(engine, changed("tool.effect", "x"))).allow


async def test_a_token_lets_it_in_and_a_wrong_one_does_not(shipped_file: Path, tmp_path: Path) -> None:
    rule = tmp_path / "authz.rego"
    rule.write_text(
        'package system.authz\n\ndefault allow := false\n\nallow if input.identity == "right"\n\n'
        'allow if input.path == ["health"]\n'
    )
    with OpaProcess(
        tmp_path, "--authentication=token", "--authorization=basic",
        "--set", f"bundles.licet.resource=file://{shipped_file}", str(rule),
    ) as opa:  # fmt: skip
        async with OpaServer(opa.url, token="right") as engine:
            assert (await decide(engine, INPUT)).allow
        with pytest.raises(PolicyUnavailable, match="401") as raised:
            await OpaServer(opa.url, token="wrong-4711").start()
        assert "wrong-4711" not in str(raised.value)


async def test_it_may_be_opened_and_closed_twice_and_again(server: OpaProcess) -> None:
    engine = OpaServer(server.url)
    async with engine:
        await engine.start()
        assert (await decide(engine, INPUT)).allow
        await engine.close()
        with pytest.raises(ConfigurationError, match="not open"):
            await decide(engine, INPUT)
    async with engine:
        assert (await decide(engine, INPUT)).allow


@pytest.mark.parametrize(
    "url",
    [
        "", "127.0.0.1:8181", "ftp://opa:1", "http://", "http://opa:99999", "http://opa/v1", "http://opa?x=1",
        "http://me:secret-4711@opa:8181", "http://opa#x", "http://[::1",
    ],
)  # fmt: skip
def test_a_url_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(PolicyError, match="http") as raised:
        OpaServer(url)
    assert "secret-4711" not in str(raised.value)


def test_urls_are_read_as_urls() -> None:
    assert OpaServer("http://opa.internal:8181/").url == "http://opa.internal:8181"
    assert OpaServer("https://opa.internal").url == "https://opa.internal:443"
    assert OpaServer("http://[::1]:8181").url == "http://[::1]:8181"


@pytest.mark.parametrize("seconds", [0, -1, 61, float("nan"), float("inf")])
def test_times_are_bounded(seconds: float) -> None:
    with pytest.raises(PolicyError, match="seconds"):
        OpaServer("http://127.0.0.1:8181", deadline=seconds)
    with pytest.raises(PolicyError, match="seconds"):
        OpaServer("http://127.0.0.1:8181", ready_within=seconds)


async def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opa_client", None)
    with pytest.raises(ConfigurationError, match=r"licet\[opa\]"):
        await OpaServer("http://127.0.0.1:8181").start()


def test_the_example_of_the_docs_works_as_it_stands(server: OpaProcess, shipped: PolicyEngine) -> None:
    page = (Path(__file__).parents[2] / "docs" / "opa.md").read_text()
    code = page.partition("<!-- ask.py -->\n```python\n")[2].partition("```")[0]
    told = subprocess.run(
        [sys.executable, "-c", code.replace("http://127.0.0.1:8181", server.url)],
        capture_output=True,
        text=True,
    )
    assert told.stdout == f"decides by revision {shipped.revision}\n", told.stderr


# What is not OPA, or stands before it


@asynccontextmanager
async def standing_in(answers: list[tuple[int, bytes]]) -> AsyncIterator[str]:
    """A server that answers the health check and what a run is offered, and about decisions in turn with these statuses
    and bodies, the last one for good.
    """
    offer = orjson.dumps({**orjson.loads(answers[0][1]), "result": {}})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.lower().split(b"\r\n")
                        if line.startswith(b"content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                if b"/health" in head or b"/licet/offered" in head:
                    status, body = 200, offer
                else:
                    status, body = answers.pop(0) if answers[1:] else answers[0]
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def proper(revision: str) -> bytes:
    return orjson.dumps(
        {
            "provenance": {"bundles": {"licet": {"revision": revision}}},
            "result": {"allow": True, "grants": ["x"], "deny": [], "approval": None, "obligations": []},
        }
    )


CANCELLED = (
    b'{"code": "internal_error", "message": "m", "errors": [{"code": "eval_cancel_error", "message": "c"}]}'
)


@pytest.mark.parametrize(
    ("status", "body"),
    [(502, b"<html>"), (503, b""), (504, b"x"), (429, b"{}"), (500, b"oops"), (500, CANCELLED),
     (500, b'{"code": "internal_error", "message": "authorization policy missing or undefined"}')],
)  # fmt: skip
async def test_what_says_that_it_is_starting_is_asked_again(
    shipped: PolicyEngine, status: int, body: bytes
) -> None:
    good = (200, proper(shipped.revision))
    async with standing_in([good, (status, body), (status, body), good]) as url:
        async with OpaServer(url, deadline=LONG) as engine:
            assert (await decide(engine, INPUT)).allow
    async with standing_in([good, (status, body)]) as url:
        async with OpaServer(url, deadline=0.2) as engine:
            with pytest.raises(PolicyUnavailable, match=f"it answered {status}"):
                await decide(engine, INPUT)


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (200, b"<html>sign in</html>", "not OPA"),
        (200, b"[]", "not OPA"),
        (200, b'{"result": {"allow": true}}', "not OPA"),
        (302, b"", "302"),
        (400, b'{"code": "invalid_parameter", "message": "malformed"}', "400 (invalid_parameter; malformed)"),
        (404, b"nothing here", "404"),
        (500, b'{"code": "c", "errors": [{"code": "eval_type_error", "message": "t"}, 3]}', "eval_type_error: t"),
    ],
)  # fmt: skip
async def test_what_is_no_answer_is_a_denial(
    shipped: PolicyEngine, status: int, body: bytes, cause: str
) -> None:
    async with standing_in([(200, proper(shipped.revision)), (status, body)]) as url:
        async with OpaServer(url, deadline=LONG) as engine:
            decision = await decide(engine, INPUT)
    assert not decision.allow
    assert decision.cause is not None and cause in decision.cause


@pytest.mark.parametrize("bundles", [None, {}, {"a": None}, {"a": {"revision": "other"}}, [1]])
async def test_an_answer_by_another_revision_decides_nothing(shipped: PolicyEngine, bundles: Any) -> None:
    answer = orjson.loads(proper(shipped.revision))
    answer["provenance"]["bundles"] = bundles
    async with standing_in([(200, proper(shipped.revision)), (200, orjson.dumps(answer))]) as url:
        async with OpaServer(url) as engine:
            with pytest.raises(PolicyUnavailable, match=shipped.revision):
                await decide(engine, INPUT)
