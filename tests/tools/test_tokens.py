"""A principal is proved by a token or not at all: signature, parties, times and claims, against a real key server."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from issuer import AUDIENCE, KINDS, NOW, Hands, Issuer, private_key, public, serving, signed
from joserfc.jwk import KeySet, import_key
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode

from licet import Agent, Claims, ConfigurationError, Principal, TokenVerifier
from licet.tools.identity import (
    ActorNamed,
    AlgorithmRefused,
    BadSignature,
    ClaimRefused,
    Fixed,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
    TokenRefused,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as found:
        yield found


def verifier(issuer: Issuer, **options: Any) -> TokenVerifier:
    options.setdefault("clock", Hands())
    options.setdefault("jwks", f"{issuer.url}/keys")
    return TokenVerifier(issuer=issuer.url, audience=AUDIENCE, **options)


async def refused(of: TokenVerifier, token: str) -> TokenRefused:
    """The refusal, which says nothing of the token."""
    with pytest.raises(TokenRefused) as caught:
        await of.principal(token)
    error: BaseException | None = caught.value
    while error is not None:
        told = f"{error!r} {error}"
        assert token == "" or not any(part in told for part in token.split(".") if len(part) > 8), told
        assert "alice" not in told and "secret-kid" not in told
        error = error.__context__
    return caught.value


@pytest.mark.parametrize("algorithm", KINDS)
async def test_a_token_proves_its_subject(issuer: Issuer, algorithm: str) -> None:
    issuer.keys = [private_key("a", algorithm), private_key("one")]
    token = issuer.token(algorithm=algorithm)
    assert await verifier(issuer).principal(token) == Principal("alice")


async def test_edwards_keys_go_by_their_old_name_too(issuer: Issuer) -> None:
    issuer.keys = [private_key("a", "Ed25519")]
    assert await verifier(issuer).principal(issuer.token(algorithm="EdDSA")) == Principal("alice")


async def test_the_issuers_own_configuration_says_where_its_keys_are(issuer: Issuer) -> None:
    assert await verifier(issuer, jwks=None).principal(issuer.token()) == Principal("alice")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_keys_may_be_given_as_they_are(issuer: Issuer) -> None:
    for jwks in (public(private_key("one")), KeySet([private_key("one")])):
        assert await verifier(issuer, jwks=jwks).principal(issuer.token()) == Principal("alice")
    assert issuer.asked == []


# Signatures


async def test_none_is_no_algorithm(issuer: Issuer) -> None:
    payload = urlsafe_b64encode(json.dumps(issuer.claims()).encode()).decode()
    for name in ("none", "None", "NONE", "nOnE"):
        head = urlsafe_b64encode(json.dumps({"alg": name}).encode()).decode()
        for signature in ("", "AA"):
            kind = TokenMalformed if signature == "" else AlgorithmRefused
            assert isinstance(await refused(verifier(issuer), f"{head}.{payload}.{signature}"), kind)
    with pytest.raises(ConfigurationError, match="none"):
        verifier(issuer, algorithms=["none", "RS256"])


async def test_a_public_key_is_no_secret(issuer: Issuer) -> None:
    """Signed by HMAC with the published key as the secret, in each spelling that somebody may have of it."""
    key = private_key("a", "RS256")
    issuer.keys = [key]
    published: Any = key
    spellings = [
        published.as_pem(private=False),
        published.as_pem(private=False).strip(),
        published.as_der(private=False),
        json.dumps(public(key)["keys"][0]).encode(),
        urlsafe_b64decode(public(key)["keys"][0]["n"].encode()),
    ]
    for spelling in spellings:
        token = issuer.token(spelling, "HS256", header={"kid": "a"})
        assert isinstance(await refused(verifier(issuer), token), AlgorithmRefused)
    with pytest.raises(ConfigurationError, match="not both"):
        verifier(issuer, algorithms=["HS256", "RS256"])
    with pytest.raises(ConfigurationError, match="secrets are not published"):
        verifier(issuer, algorithms=["HS256"])
    with pytest.raises(ConfigurationError, match="no key"):
        verifier(issuer, algorithms=["HS256"], jwks=public(key))


async def test_secrets_are_taken_when_they_are_asked_for(issuer: Issuer) -> None:
    def secret(size: int) -> Any:
        return import_key({"kty": "oct", "kid": "s", "k": urlsafe_b64encode(b"k" * size).decode()})

    def of(size: int) -> TokenVerifier:
        return verifier(issuer, algorithms=["HS256", "HS512"], jwks=KeySet([secret(size)]))

    assert await of(32).principal(issuer.token(secret(32), "HS256")) == Principal("alice")
    assert isinstance(await refused(of(32), issuer.token(secret(33), "HS256")), BadSignature)
    assert isinstance(await refused(of(32), issuer.token(secret(32), "HS512")), UnknownKey)
    with pytest.raises(ConfigurationError, match="weak"):
        of(31)


async def test_a_secret_that_a_server_publishes_is_none(issuer: Issuer) -> None:
    secret = import_key({"kty": "oct", "kid": "s", "k": urlsafe_b64encode(b"k" * 64).decode()})
    issuer.body = json.dumps(
        {"keys": [{"kty": "oct", "kid": "s", "k": secret["k"]}, *public(private_key("one"))["keys"]]}
    ).encode()
    assert isinstance(await refused(verifier(issuer), issuer.token(secret, "HS256")), AlgorithmRefused)


async def test_an_algorithm_is_used_with_a_key_of_its_kind(issuer: Issuer) -> None:
    issuer.keys = [private_key("one"), private_key("a", "RS256")]
    claimed = issuer.token(private_key("one"), header={"alg": "ES384"})
    assert isinstance(await refused(verifier(issuer), claimed), UnknownKey)
    other = issuer.token(private_key("one"), header={"kid": "a"})
    assert isinstance(await refused(verifier(issuer), other), UnknownKey)
    narrow = verifier(issuer, algorithms=["RS256"])
    assert isinstance(await refused(narrow, issuer.token()), AlgorithmRefused)
    assert await narrow.principal(issuer.token(private_key("a", "RS256"), "RS256")) == Principal("alice")


@pytest.mark.parametrize(
    "change", [{"use": "enc"}, {"alg": "ES384"}, {"key_ops": ["sign"], "use": None}, {"kid": None}]
)
async def test_a_key_is_used_for_what_it_is_published_for(issuer: Issuer, change: dict[str, Any]) -> None:
    key = public(private_key("one"))["keys"][0] | change
    issuer.body = json.dumps(
        {"keys": [{name: value for name, value in key.items() if value is not None}]}
    ).encode()
    assert isinstance(await refused(verifier(issuer), issuer.token()), UnknownKey)


async def test_a_weak_key_checks_nothing(issuer: Issuer) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from joserfc.util import int_to_base64

    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    weak = {"kty": "RSA", "kid": "w", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e)}
    issuer.body = json.dumps({"keys": [weak, *public(private_key("one"))["keys"]]}).encode()
    token = issuer.token(private_key("a", "RS256"), "RS256", header={"kid": "w"})
    assert isinstance(await refused(verifier(issuer), token), UnknownKey)


async def test_without_a_key_id_the_only_key_that_fits_is_used(issuer: Issuer) -> None:
    token = issuer.token(header={"kid": None})
    assert await verifier(issuer).principal(token) == Principal("alice")
    issuer.keys.append(private_key("two"))
    assert isinstance(await refused(verifier(issuer), token), UnknownKey)


async def test_a_stranger_with_the_issuers_key_id_proves_nothing(issuer: Issuer) -> None:
    stranger = import_key(private_key("stranger").as_dict(private=True) | {"kid": "one"})
    assert isinstance(await refused(verifier(issuer), issuer.token(stranger)), BadSignature)


# What a token is


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", " ", "ey.ey.ey", "\ud800.a.b", "é.é.é", "A" * 70_000],
)
async def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert isinstance(await refused(verifier(issuer), token), TokenMalformed)
    assert issuer.asked == []


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
        {"kid": 1},
        {"kid": ["one"]},
        {"alg": None},
        {"typ": "logout+jwt"},
        {"typ": "secevent+jwt"},
        {"typ": 1},
    ],
)
async def test_a_header_that_asks_for_more_is_refused(issuer: Issuer, header: dict[str, Any]) -> None:
    assert isinstance(await refused(verifier(issuer), issuer.token(header=header)), TokenMalformed)


@pytest.mark.parametrize("said", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
async def test_a_token_may_say_what_it_is(issuer: Issuer, said: str | None) -> None:
    assert await verifier(issuer).principal(issuer.token(header={"typ": said})) == Principal("alice")
    strict = verifier(issuer, types=["at+jwt"])
    if said == "JWT":
        assert isinstance(await refused(strict, issuer.token(header={"typ": said})), TokenMalformed)


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b'"alice"',
        b"null",
        b"{",
        b'{"sub": "alice", "sub": "mallory"}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"exp": NaN}',
        b'{"exp": Infinity}',
        b"\xff",
        b"[" * 5000,
    ],
)
async def test_claims_that_can_be_read_in_two_ways_are_refused(issuer: Issuer, payload: bytes) -> None:
    assert isinstance(await refused(verifier(issuer), signed(payload, issuer.keys[0])), TokenMalformed)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), algorithm=st.sampled_from(sorted(KINDS)))
async def test_no_byte_of_a_token_can_change(data: st.DataObject, algorithm: str) -> None:
    key = private_key(algorithm, algorithm)
    token = Issuer("https://issuer.example").token(key, algorithm)
    it = TokenVerifier(issuer="https://issuer.example", audience=AUDIENCE, jwks=public(key), clock=Hands())
    assert await it.principal(token) == Principal("alice")
    place = data.draw(st.integers(0, len(token) - 1))
    # Neighbours in base64's alphabet differ in the last bits, which in a last character may stand for nothing.
    letters = string.ascii_letters + string.digits + "-_"
    other = data.draw(st.sampled_from(letters) | st.characters() | st.sampled_from("=. \n\t+/\0"))
    change = data.draw(st.sampled_from(["replace", "insert", "drop", "swap", "cut"]))
    mangled = {
        "replace": token[:place] + other + token[place + 1 :],
        "insert": token[:place] + other + token[place:],
        "drop": token[:place] + token[place + 1 :],
        "swap": token[:place] + token[place : place + 2][::-1] + token[place + 2 :],
        "cut": token[:place],
    }[change]
    if mangled != token:
        await refused(it, mangled)


@pytest.mark.parametrize("algorithm", KINDS)
async def test_every_last_character_counts(algorithm: str) -> None:
    """The last character of a part may hold bits that no byte has room for."""
    key = private_key(algorithm, algorithm)
    token = Issuer("https://issuer.example").token(key, algorithm)
    it = TokenVerifier(issuer="https://issuer.example", audience=AUDIENCE, jwks=public(key), clock=Hands())
    ends = [len(token.partition(".")[0]) - 1, token.rfind(".") - 1, len(token) - 1]
    for end in ends:
        for letter in string.printable:
            mangled = token[:end] + letter + token[end + 1 :]
            if mangled != token:
                await refused(it, mangled)
    for blank in (" ", "\n", "=", "=="):
        await refused(it, token + blank)
        await refused(it, blank + token)


# Parties and times


@pytest.mark.parametrize("said", ["https://elsewhere.example", "", None, 1, ["https://issuer.example"]])
async def test_another_issuer_is_refused(issuer: Issuer, said: Any) -> None:
    assert isinstance(await refused(verifier(issuer), issuer.token(iss=said)), WrongIssuer)
    assert isinstance(await refused(verifier(issuer), issuer.token(iss=f"{issuer.url}/")), WrongIssuer)


@pytest.mark.parametrize("said", ["other", "", None, [], ["other"], [["desk"]], {"desk": 1}, "desk "])
async def test_another_audience_is_refused(issuer: Issuer, said: Any) -> None:
    assert isinstance(await refused(verifier(issuer), issuer.token(aud=said)), WrongAudience)


async def test_one_of_several_audiences_will_do(issuer: Issuer) -> None:
    assert await verifier(issuer).principal(issuer.token(aud=["other", AUDIENCE])) == Principal("alice")


async def test_a_token_holds_from_its_begin_to_its_end_and_a_little_beyond(issuer: Issuer) -> None:
    clock = Hands()
    it = verifier(issuer, clock=clock, leeway=30)
    moment = NOW.timestamp()
    token = issuer.token(nbf=moment + 100, exp=moment + 200)
    for seconds, kind in ((69, TokenNotYetValid), (70, None), (229, None), (230, TokenExpired)):
        clock.time = NOW
        clock.pass_by(seconds)
        if kind is None:
            assert await it.principal(token) == Principal("alice")
        else:
            assert isinstance(await refused(it, token), kind)


async def test_a_token_from_the_future_is_refused(issuer: Issuer) -> None:
    token = issuer.token(iat=NOW.timestamp() + 61)
    assert isinstance(await refused(verifier(issuer), token), TokenNotYetValid)


@pytest.mark.parametrize("ends", [None, "never", True, [], 10**400, -(10**13)])
async def test_a_token_without_an_end_is_refused(issuer: Issuer, ends: Any) -> None:
    assert isinstance(await refused(verifier(issuer), issuer.token(exp=ends)), ClaimRefused)


# Claims


KEYCLOAK = {
    "realm_access": {"roles": ["support", "offline_access"]},
    "resource_access": {"my.app": {"roles": ["refunds"]}},
    "organization": ["acme"],
}
ENTRA = {"roles": ["Desk.Support"], "scp": "read write", "tid": "t-1", "oid": "o-1"}
AUTH0 = {"https://acme.example/roles": ["support"], "org_id": "org_1", "scope": "orders:read orders:write"}


@pytest.mark.parametrize(
    ("said", "claims", "principal"),
    [
        (
            KEYCLOAK,
            Claims(tenant="organization.0", roles=["realm_access.roles", "/resource_access/my.app/roles"]),
            Principal("alice", "acme", frozenset({"support", "offline_access", "refunds"})),
        ),
        (
            ENTRA,
            Claims(subject="oid", tenant="tid", roles=["roles", "scp"]),
            Principal("o-1", "t-1", frozenset({"Desk.Support", "read", "write"})),
        ),
        (
            AUTH0,
            Claims(tenant="org_id", roles=["https://acme.example/roles", "scope"]),
            Principal("alice", "org_1", frozenset({"support", "orders:read", "orders:write"})),
        ),
        (
            {"email": "a@acme.example", "profile": {"level": 3}},
            Claims(
                tenant=Fixed("acme"), attributes={"mail": "email", "level": "profile.level", "phone": "phone"}
            ),
            Principal("alice", "acme", attributes={"mail": "a@acme.example", "level": 3}),
        ),
        ({"roles": "team lead"}, Claims(roles=["roles"]), Principal("alice", roles=frozenset({"team lead"}))),
        (
            {"team": "x"},
            Claims(roles=["roles"], attributes=["team"]),
            Principal("alice", attributes={"team": "x"}),
        ),
    ],
)
async def test_roles_and_tenant_are_where_the_issuer_puts_them(
    issuer: Issuer, said: dict[str, Any], claims: Claims, principal: Principal
) -> None:
    assert await verifier(issuer, claims=claims).principal(issuer.token(**said)) == principal


@pytest.mark.parametrize(
    ("said", "claims"),
    [
        ({"sub": None}, Claims()),
        ({"sub": ""}, Claims()),
        ({"sub": 7}, Claims()),
        ({"sub": "\ud800"}, Claims()),
        ({}, Claims(tenant="org.id")),
        ({"org": "acme"}, Claims(tenant="org.id")),
        ({"org": {"id": ["acme"]}}, Claims(tenant="org.id")),
        ({"org": {"id": " "}}, Claims(tenant="org.id")),
        ({"roles": {"admin": True}}, Claims(roles=["roles"])),
        ({"roles": ["support", 1]}, Claims(roles=["roles"])),
        ({"roles": [""]}, Claims(roles=["roles"])),
        ({"roles": None, "realm": {"roles": None}}, Claims(roles=["realm.roles"])),
        ({"limit": 2**60}, Claims(attributes=["limit"])),
        ({}, Claims(required=["azp"])),
        ({"azp": {}}, Claims(required=["azp.id"])),
    ],
)
async def test_a_claim_that_is_not_as_it_should_be_refuses_the_token(
    issuer: Issuer, said: dict[str, Any], claims: Claims
) -> None:
    assert isinstance(await refused(verifier(issuer, claims=claims), issuer.token(**said)), ClaimRefused)


async def test_a_name_with_dots_is_no_path(issuer: Issuer) -> None:
    """So nobody who may choose the name of a claim takes the place of one inside another."""
    claims = Claims(roles=["realm_access.roles"])
    token = issuer.token(**{"realm_access.roles": ["admin"]})
    assert (await verifier(issuer, claims=claims).principal(token)).roles == frozenset()


@pytest.mark.parametrize("path", ["", "a.", ".a", "a..b", "/", 1, None])
def test_a_path_that_is_none_is_refused_at_once(path: Any) -> None:
    with pytest.raises(ConfigurationError):
        Claims(roles=[path])


# Agents


async def test_a_delegated_token_names_the_agent_too(issuer: Issuer) -> None:
    claims = Claims(roles=["scope"], agent_roles=["act.roles"])
    it = verifier(issuer, claims=claims)
    token = issuer.token(
        scope="refunds read", act={"sub": "desk-bot", "roles": ["read"], "act": {"sub": "router"}}
    )
    principal, agent = await it.delegated(token)
    assert principal == Principal("alice", roles=frozenset({"refunds", "read"}))
    assert agent == Agent("desk-bot", frozenset({"read"}))
    assert (await it.delegated(issuer.token())).agent is None
    plain = verifier(issuer)
    assert (await plain.delegated(token)).agent == Agent("desk-bot")


@pytest.mark.parametrize(
    "act", [{}, {"sub": ""}, {"sub": 1}, "desk-bot", [], {"sub": "x", "iss": "https://other.example"}]
)
async def test_an_actor_that_is_none_refuses_the_token(issuer: Issuer, act: Any) -> None:
    with pytest.raises(ClaimRefused):
        await verifier(issuer).delegated(issuer.token(act=act))


@pytest.mark.parametrize("act", [{"sub": "desk-bot"}, {}, "desk-bot", [], {"sub": "x", "iss": "other"}])
async def test_a_delegated_token_is_not_taken_for_the_subjects_own(issuer: Issuer, act: Any) -> None:
    token = issuer.token(act=act)
    for it in (verifier(issuer), verifier(issuer, claims=Claims(agent="azp"))):
        for ask in (it.principal, it.agent):
            with pytest.raises(ActorNamed, match=r"claim act says .* TokenVerifier\.delegated") as found:
                await ask(token)
            assert found.value.claim == "act" and "desk-bot" not in str(found.value)


async def test_an_agent_that_another_claim_names_is_not_lost_either(issuer: Issuer) -> None:
    it = verifier(issuer, claims=Claims(agent="azp"))
    token = issuer.token(azp="desk-bot")
    with pytest.raises(ActorNamed, match="claim azp says"):
        await it.principal(token)
    assert (await it.delegated(token)).agent == Agent("desk-bot")
    assert await verifier(issuer).principal(token) == Principal(
        "alice"
    )  # where it is nobody's name for the agent
    assert await it.principal(issuer.token()) == Principal("alice")


async def test_an_agent_has_a_token_of_its_own(issuer: Issuer) -> None:
    it = verifier(issuer, claims=Claims(tenant="org", roles=["roles"]))
    token = issuer.token(sub="desk-bot", org="acme", roles=["refunds"])
    assert await it.agent(token) == Agent("desk-bot", frozenset({"refunds"}), "acme")
    assert (await it.agent(issuer.token(sub="desk-bot", org="acme"))).roles == frozenset()


# Settings


@pytest.mark.parametrize(
    "options",
    [
        {"audience": ""},
        {"audience": []},
        {"issuer": ""},
        {"leeway": -1},
        {"leeway": 601},
        {"algorithms": []},
        {"algorithms": ["RS257"]},
        {"jwks": "http://issuer.example/keys"},
        {"jwks": "https://user:word@issuer.example/keys"},
        {"jwks": "file:///keys"},
        {"jwks": "keys"},
        {"jwks": {}},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [{"kty": "RSA"}]}},
        {"issuer": "http://issuer.example", "jwks": None},
    ],
)
def test_a_setting_that_proves_nothing_is_refused_at_once(options: dict[str, Any]) -> None:
    sound: dict[str, Any] = {"issuer": "https://issuer.example", "audience": AUDIENCE}
    with pytest.raises(ConfigurationError):
        TokenVerifier(**sound | {"jwks": "https://issuer.example/keys"} | options)


async def test_many_tokens_at_once_fetch_the_keys_once(issuer: Issuer) -> None:
    it = verifier(issuer)
    found = await asyncio.gather(*(it.principal(issuer.token(sub=f"u{number}")) for number in range(50)))
    assert [principal.subject for principal in found] == [f"u{number}" for number in range(50)]
    assert issuer.fetches == 1


@pytest.mark.parametrize(
    ("path", "claims", "said"),
    [
        ("azp", {"azp": "desk-bot", "act": {"sub": "other-bot"}}, "azp is to say who acts"),
        ("actor.sub", {"actor": {"sub": "bot", "iss": "https://other.example"}}, "of another issuer"),
    ],
)
async def test_of_two_agents_or_a_strangers_none_is_taken(
    issuer: Issuer, path: str, claims: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClaimRefused, match=said):
        await verifier(issuer, claims=Claims(agent=path)).delegated(issuer.token(**claims))
