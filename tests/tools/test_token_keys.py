"""An issuer's keys: fetched, rotated, withdrawn, and out of reach, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from issuer import AUDIENCE, Hands, Issuer, private_key, public, serving

from licet import ConfigurationError, Principal, TokenVerifier
from licet.tools.identity import KeysUnavailable, RemoteKeys, UnknownKey

ALICE = Principal("alice")


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        yield found


@pytest.fixture
def clock() -> Hands:
    return Hands()


def verifier(issuer: Issuer, clock: Hands, **times: Any) -> TokenVerifier:
    times = {"url": f"{issuer.url}/keys", "refresh": 300, "keep": 3600, "pause": 10, **times}
    keys = RemoteKeys(times.pop("url"), clock=clock, **times)
    # The tokens' own times are no matter here.
    return TokenVerifier(issuer=issuer.url, audience=AUDIENCE, jwks=keys, clock=Hands())


async def test_keys_are_fetched_once_and_kept(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    for _ in range(3):
        assert await it.principal(issuer.token()) == ALICE
        clock.pass_by(99)
    assert issuer.fetches == 1
    clock.pass_by(10)
    assert await it.principal(issuer.token()) == ALICE
    assert issuer.fetches == 2


async def test_a_new_key_is_fetched_when_a_token_names_it(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    assert await it.principal(issuer.token()) == ALICE
    issuer.keys = [private_key("two"), private_key("one")]
    clock.pass_by(10)
    assert await it.principal(issuer.token(private_key("two"))) == ALICE
    assert await it.principal(issuer.token(private_key("one"))) == ALICE
    assert issuer.fetches == 2


async def test_invented_key_ids_do_not_make_the_issuer_work(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    assert await it.principal(issuer.token()) == ALICE
    for number in range(20):
        with pytest.raises(UnknownKey):
            await it.principal(issuer.token(header={"kid": f"invented-{number}"}))
    assert issuer.fetches == 1
    for _ in range(3):
        clock.pass_by(10)
        for number in range(5):
            with pytest.raises(UnknownKey):
                await it.principal(issuer.token(header={"kid": f"invented-{number}"}))
    assert issuer.fetches == 4
    assert await it.principal(issuer.token()) == ALICE


async def test_a_key_that_is_withdrawn_counts_no_longer(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    assert await it.principal(issuer.token(private_key("one"))) == ALICE
    issuer.keys = [private_key("two")]
    clock.pass_by(300)
    with pytest.raises(UnknownKey):
        await it.principal(issuer.token(private_key("one")))
    assert await it.principal(issuer.token(private_key("two"))) == ALICE


async def test_during_an_outage_what_is_known_counts_for_a_while(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    assert await it.principal(issuer.token()) == ALICE
    issuer.down = True
    for _ in range(11):
        clock.pass_by(300)
        assert await it.principal(issuer.token()) == ALICE
    with pytest.raises(KeysUnavailable, match="503"):
        await it.principal(issuer.token(private_key("two")))
    clock.pass_by(300)
    with pytest.raises(KeysUnavailable, match="503"):
        await it.principal(issuer.token())
    issuer.down = False
    with pytest.raises(KeysUnavailable):
        await it.principal(issuer.token())
    clock.pass_by(10)
    assert await it.principal(issuer.token()) == ALICE


async def test_without_any_key_nobody_is_proved(issuer: Issuer, clock: Hands) -> None:
    issuer.down = True
    it = verifier(issuer, clock)
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await it.principal(issuer.token())
    assert issuer.fetches == 1


async def test_a_clock_that_steps_back_makes_keys_too_old(issuer: Issuer, clock: Hands) -> None:
    it = verifier(issuer, clock)
    assert await it.principal(issuer.token()) == ALICE
    issuer.down = True
    clock.pass_by(-86_400)
    with pytest.raises(KeysUnavailable):
        await it.principal(issuer.token())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON"),
        (b"[]", "no JWK set"),
        (b'{"keys": {}}', "no JWK set"),
        (b'{"keys": []}', "no key"),
        (
            b'{"keys": [1, {}, {"kty": "ML-DSA"}, {"kty": "EC", "crv": "P-256", "x": "A", "y": "A"}]}',
            "no key",
        ),
        (b'{"keys": [' + b" " * 1_100_000 + b"]}", "bytes"),
    ],
)
async def test_what_is_no_key_set_is_an_outage(issuer: Issuer, clock: Hands, body: bytes, said: str) -> None:
    issuer.body = body
    with pytest.raises(KeysUnavailable, match=said):
        await verifier(issuer, clock).principal(issuer.token())


async def test_keys_that_are_not_understood_are_passed_over(issuer: Issuer, clock: Hands) -> None:
    strange = [{"kty": "ML-DSA", "kid": "one"}, {"kty": "EC", "crv": "P-999", "kid": "x"}, {"kty": 5}]
    issuer.body = json.dumps({"keys": [*strange, *public(private_key("one"))["keys"]]}).encode()
    assert await verifier(issuer, clock).principal(issuer.token()) == ALICE


async def test_no_redirect_is_followed(issuer: Issuer, clock: Hands) -> None:
    with pytest.raises(KeysUnavailable, match="302"):
        await verifier(issuer, clock, url=f"{issuer.url}/moved").principal(issuer.token())


async def test_a_server_that_is_not_there_is_an_outage(issuer: Issuer, clock: Hands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(KeysUnavailable, match="ConnectError"):
        await verifier(issuer, clock, url=f"http://127.0.0.1:{port}/keys").principal(issuer.token())


async def test_a_server_that_never_answers_is_an_outage(issuer: Issuer, clock: Hands) -> None:
    """Somebody connects, is accepted, and hears nothing; and one who is known need not wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        it = verifier(issuer, clock, url=f"http://127.0.0.1:{silent.getsockname()[1]}/keys", timeout=0.05)
        with pytest.raises(KeysUnavailable, match=r"within 0\.05 s"):
            await it.principal(issuer.token())


async def test_while_somebody_asks_the_others_go_on_with_what_is_known(clock: Hands) -> None:
    asked, answer = threading.Event(), threading.Event()
    with serving() as issuer:
        keys = RemoteKeys(f"{issuer.url}/keys", clock=clock, timeout=60)
        it = TokenVerifier(issuer=issuer.url, audience=AUDIENCE, jwks=keys, clock=Hands())
        assert await it.principal(issuer.token()) == ALICE

        class Slow(list[Any]):
            def __iter__(self) -> Iterator[Any]:
                asked.set()
                answer.wait(60)
                return super().__iter__()

        issuer.keys = Slow(issuer.keys)
        token = issuer.token(private_key("one"))
        clock.pass_by(300)
        first = asyncio.create_task(it.principal(token))
        await asyncio.to_thread(asked.wait, 60)
        assert await it.principal(token) == ALICE
        assert not first.done()
        answer.set()
        assert await first == ALICE


# Discovery


async def discovered(issuer: Issuer, clock: Hands) -> Principal:
    keys = RemoteKeys(issuer=issuer.url, clock=clock)
    it = TokenVerifier(issuer=issuer.url, audience=AUDIENCE, jwks=keys, clock=Hands())
    return await it.principal(issuer.token())


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "http://keys.example/jwks"},
        {"jwks_uri": "file:///etc/keys"},
    ],
)
async def test_a_configuration_that_is_another_issuers_is_none(
    issuer: Issuer, clock: Hands, change: dict[str, Any]
) -> None:
    assert await discovered(issuer, clock) == ALICE
    issuer.configuration |= change
    with pytest.raises(KeysUnavailable, match="openid-configuration"):
        await discovered(issuer, clock)


async def test_the_keys_may_move(issuer: Issuer, clock: Hands) -> None:
    keys = RemoteKeys(issuer=issuer.url, clock=clock)
    it = TokenVerifier(issuer=issuer.url, audience=AUDIENCE, jwks=keys, clock=Hands())
    assert await it.principal(issuer.token()) == ALICE
    issuer.configuration["jwks_uri"] = f"{issuer.url}/elsewhere"
    clock.pass_by(300)
    assert await it.principal(issuer.token()) == ALICE
    assert issuer.asked[-1] == "/elsewhere"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "https://a.example/keys", "issuer": "https://a.example"},
        {"url": "https://a.example/keys", "pause": 400},
        {"url": "https://a.example/keys", "refresh": 4000},
        {"url": "https://a.example/keys", "timeout": 0},
        {"url": "https://a.example/keys", "timeout": 61},
        {"url": "https://"},
        {"url": "https://[/keys"},
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RemoteKeys(**settings)
