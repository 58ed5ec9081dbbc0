"""Checking a token, and who it proves somebody to be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from licet.audit.clock import Clock, SystemClock
from licet.audit.errors import ConfigurationError
from licet.tools.agent import Agent
from licet.tools.identity.claims import Claims
from licet.tools.identity.compact import Compact, read_compact
from licet.tools.identity.errors import (
    ActorNamed,
    AlgorithmRefused,
    BadSignature,
    ClaimRefused,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)
from licet.tools.identity.keys import ASYMMETRIC, SYMMETRIC, Keys, check_algorithms, is_signed_by
from licet.tools.identity.remote_keys import RemoteKeys
from licet.tools.principal import Principal

if TYPE_CHECKING:
    from joserfc.jwk import Key, KeySet

LONGEST_LEEWAY = 600
"""Seconds."""

TYPES = ("JWT", "at+jwt")
"""What a token may say that it is: nothing, a JWT, or an access token (RFC 9068). So a logout token, or a security
event, which the issuer signs too, proves nobody (RFC 8725, section 3.11)."""


class Delegated(NamedTuple):
    """For whom an agent acts, and which agent; None where the token does not say."""

    principal: Principal
    agent: Agent | None


class TokenVerifier:
    """Proves principals by the signed JWTs (RFC 7519) of one issuer, as RFC 8725 advises.

    Args:
        issuer: who makes the tokens, letter for letter as in their claim `iss`.
        audience: who this application is to the issuer; a token names at least one of them in `aud`.
        jwks: where the issuer's keys are: a URL, a `RemoteKeys` with times of its own, or the keys themselves (a JWK
            set, or joserfc's KeySet). By default the issuer's own configuration says where.
        claims: which claim holds what.
        algorithms: those allowed; by default every asymmetric one. HS256, HS384 and HS512 take secrets, which are
            given as `jwks`.
        leeway: seconds by which the issuer's clock and this one may differ.
        types: what the token's header may say that it is, where it says.
        clock: where time comes from.

    Raises:
        ConfigurationError: one of these is wrong, or the `auth` extra is not installed.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str | Collection[str],
        jwks: str | RemoteKeys | KeySet | Mapping[str, Any] | None = None,
        claims: Claims | None = None,
        algorithms: Collection[str] = ASYMMETRIC,
        leeway: float = 60.0,
        types: Collection[str] = TYPES,
        clock: Clock | None = None,
    ) -> None:
        if find_spec("httpx2") is None:
            raise ConfigurationError("TokenVerifier needs the auth extra: pip install 'licet[auth]'")
        self._audience = frozenset([audience] if isinstance(audience, str) else audience)
        if not issuer or not self._audience or not all(self._audience):
            raise ConfigurationError(
                "TokenVerifier needs the issuer, and an audience: a token that is meant for anybody proves nothing"
            )
        if not 0 <= leeway <= LONGEST_LEEWAY:
            raise ConfigurationError(f"leeway is between 0 and {LONGEST_LEEWAY} seconds")
        self._issuer = issuer
        self._claims = claims or Claims()
        self._algorithms = check_algorithms(algorithms)
        self._leeway = leeway
        self._types = frozenset(name.lower() for name in types)
        self._clock = clock or SystemClock()
        self._keys = self._where(jwks)

    async def principal(self, token: str) -> Principal:
        """Whom the token proves, when it is their own.

        Args:
            token: in compact form, without `Bearer`.

        Raises:
            ActorNamed: it says that an agent acts for them. `delegated` takes both kinds of token.
            TokenRefused: it proves nobody; each reason has a class of its own.
            KeysUnavailable: the issuer's keys cannot be had.
        """
        return self._claims.principal(await self._own(token))

    async def delegated(self, token: str) -> Delegated:
        """Whom the token proves, and which agent acts for them when it says so (claim `act`, RFC 8693).

        Raises:
            TokenRefused, KeysUnavailable: as for `principal`.
        """
        claims = await self.verify(token)
        return Delegated(self._claims.principal(claims), self._claims.actor(claims, self._issuer))

    async def agent(self, token: str) -> Agent:
        """The agent whose own token this is: its subject, with the roles and the tenant that the token gives.

        Raises:
            TokenRefused, KeysUnavailable: as for `principal`.
        """
        return self._claims.agent_itself(await self._own(token))

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token that holds: signed by the issuer, for this audience, at this time.

        Raises:
            TokenRefused, KeysUnavailable: as for `principal`.
        """
        compact = read_compact(token)
        self._check_type(compact)
        algorithm = compact.header["alg"]
        if algorithm not in self._algorithms:
            raise AlgorithmRefused("the token is signed by an algorithm that is not allowed here")
        key = await self._key(algorithm, compact.header.get("kid"))
        if not is_signed_by(algorithm, key, compact.signed, compact.signature):
            raise BadSignature("the token's signature is not the issuer's")
        claims = compact.claims()
        self._check_parties(claims)
        self._check_times(claims, self._clock.now())
        return claims

    async def _own(self, token: str) -> dict[str, Any]:
        """The claims of a token that its subject uses: whoever asks for one of two actors must not miss the other."""
        claims = await self.verify(token)
        if (named := self._claims.names_actor(claims)) is not None:
            raise ActorNamed(named)
        return claims

    async def _key(self, algorithm: str, kid: str | None) -> Key:
        if isinstance(self._keys, RemoteKeys):
            return await self._keys.key(algorithm, kid)
        found = self._keys.find(algorithm, kid)
        if found is None:
            raise UnknownKey("the token names a key that is not among those of the issuer")
        return found

    def _check_type(self, compact: Compact) -> None:
        said = compact.header.get("typ")
        if said is None:
            return
        if not isinstance(said, str) or said.lower().removeprefix("application/") not in self._types:
            raise TokenMalformed("the token says that it is of a type that proves nobody here")

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        if claims.get("iss") != self._issuer:
            raise WrongIssuer("the token is of another issuer")
        said = claims.get("aud")
        audience = said if isinstance(said, list) else [said]
        if not any(isinstance(name, str) and name in self._audience for name in audience):
            raise WrongAudience("the token is meant for another audience")

    def _check_times(self, claims: Mapping[str, Any], now: datetime) -> None:
        seconds = now.timestamp()
        ends = _numeric_date(claims, "exp")
        if ends is None:
            raise ClaimRefused("exp", "is missing: a token that never ends is none that can be taken back")
        if seconds >= ends + self._leeway:
            raise TokenExpired("the token has expired")
        for claim in ("nbf", "iat"):
            begins = _numeric_date(claims, claim)
            if begins is not None and seconds < begins - self._leeway:
                raise TokenNotYetValid("the token is not valid yet")

    def _where(self, jwks: str | RemoteKeys | KeySet | Mapping[str, Any] | None) -> RemoteKeys | Keys:
        secrets = bool(self._algorithms & SYMMETRIC)
        if jwks is None or isinstance(jwks, str | RemoteKeys):
            if secrets:
                raise ConfigurationError(
                    "secrets are not published: give them as jwks, or allow no HS algorithm"
                )
            if isinstance(jwks, RemoteKeys):
                return jwks
            if jwks is None:
                return RemoteKeys(issuer=self._issuer, clock=self._clock)
            return RemoteKeys(jwks, clock=self._clock)
        document = jwks if isinstance(jwks, Mapping) else {"keys": [dict(key.dict_value) for key in jwks]}
        try:
            keys = Keys.read(document, secrets=secrets)
        except ValueError as error:
            raise ConfigurationError(f"jwks cannot be used: {error}") from None
        if not len(keys):
            raise ConfigurationError("jwks has no key that fits the algorithms, or only weak ones")
        return keys


def _numeric_date(claims: Mapping[str, Any], name: str) -> float | None:
    """Seconds since 1970 (RFC 7519, section 2)."""
    value = claims.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e12:
        raise ClaimRefused(name, "is no time")
    return float(value)
