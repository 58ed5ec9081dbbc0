"""From a token's claims to a principal: which claim holds what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from licet.audit.canonical import Json
from licet.audit.errors import ConfigurationError
from licet.tools.agent import Agent
from licet.tools.identity.errors import ClaimRefused
from licet.tools.principal import Principal

_NAMES_IN_TEXT = ("scope", "scp")
"""Claims whose text is names separated by blanks (RFC 8693, section 4.2; Entra); other text is one name."""

_MISSING = object()


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value that stands in no claim, because it is the same for every token of this issuer."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Where in a token stands what.

    A claim is given by its path: `realm_access.roles` (names with dots between them), `/resource_access/my.app/roles`
    (a JSON Pointer, RFC 6901, for names that hold dots), or `https://acme.example/roles` (what holds `://` is one
    name). A number in a path picks from an array.

    Attributes:
        subject: who it is.
        tenant: whose data they belong to; a token without it is refused.
        roles: each text, or an array of text; what a token does not have adds nothing.
        attributes: what else policy reads: claims by the names they are to have, or claims to be called as they are.
            What a token does not have is left out.
        required: claims without which a token is refused.
        agent: who acts for the subject, in a token that says so (RFC 8693, section 4.1).
        agent_roles: the roles that this actor may use, like `roles`; none given: whichever the subject has.

    Raises:
        ConfigurationError: a path that is none.
    """

    subject: str = "sub"
    tenant: str | Fixed = Fixed("default")
    roles: Iterable[str] = ()
    attributes: Mapping[str, str] | Iterable[str] = field(default_factory=dict)
    required: Iterable[str] = ()
    agent: str = "act.sub"
    agent_roles: Iterable[str] = ()

    def __post_init__(self) -> None:
        for name in ("roles", "required", "agent_roles"):
            given: Any = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        named: Any = self.attributes
        named = (named,) if isinstance(named, str) else named
        named = dict(named) if isinstance(named, Mapping) else {path: path for path in named}
        object.__setattr__(self, "attributes", named)
        paths = [self.subject, self.agent, *self.roles, *self.required, *self.agent_roles, *named.values()]
        for path in paths if isinstance(self.tenant, Fixed) else [*paths, self.tenant]:
            if not isinstance(path, str) or not all(_steps(path)):
                raise ConfigurationError(
                    'Claims: a claim is given by its path, such as "sub" or "realm_access.roles"'
                )
        if isinstance(self.tenant, Fixed) and not self.tenant.value.strip():
            raise ConfigurationError("Claims: a fixed tenant has a name")

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Whom the claims name.

        Raises:
            ClaimRefused: one that is needed is missing, or is not of its kind.
        """
        for path in self.required:
            if _at(claims, path) in (_MISSING, None):
                raise ClaimRefused(path, "is missing, and is required here")
        named: Any = self.attributes
        found = {name: _at(claims, path) for name, path in named.items()}
        attributes: dict[str, Json] = {name: value for name, value in found.items() if value is not _MISSING}
        try:
            return Principal(
                _text(claims, self.subject), self._tenant(claims), _names(claims, self.roles), attributes
            )
        except ConfigurationError:
            problem = "and the others that are mapped hold what no principal can: text or a number that JSON has not"
        raise ClaimRefused(self.subject, problem)

    def names_actor(self, claims: Mapping[str, Any]) -> str | None:
        """The claim that says that somebody acts for the subject; None when the token is the subject's own.

        `act` says so wherever else this application looks for the agent.
        """
        if "act" in claims:
            return "act"
        return None if _at(claims, self.agent) is _MISSING else self.agent

    def actor(self, claims: Mapping[str, Any], issuer: str) -> Agent | None:
        """Who acts for the subject; None when the token is the subject's own.

        Raises:
            ClaimRefused: the claim does not say who, is of another issuer, or there is `act` beside it.
        """
        if self.names_actor(claims) is None:
            return None
        beside = _inside(claims, _steps(self.agent)[:-1])
        if isinstance(beside, Mapping) and beside is not claims and beside.get("iss", issuer) != issuer:
            raise ClaimRefused(self.agent, "names an agent of another issuer, whose names mean nothing here")
        if "act" in claims and _steps(self.agent)[0] != "act":
            raise ClaimRefused("act", f"names an agent too, and here {self.agent} is to say who acts")
        roles = _names(claims, self.agent_roles) if self.agent_roles else None
        return self._agent(claims, self.agent, roles)

    def agent_itself(self, claims: Mapping[str, Any]) -> Agent:
        """The agent whose own token this is: it may use the roles that the token gives it, in its tenant.

        Raises:
            ClaimRefused: as for `principal`.
        """
        itself = self.principal(claims)
        return self._agent(claims, self.subject, itself.roles, itself.tenant)

    def _agent(
        self,
        claims: Mapping[str, Any],
        path: str,
        roles: frozenset[str] | None,
        tenant: str | None = None,
    ) -> Agent:
        try:
            return Agent(_text(claims, path), roles, tenant)
        except ConfigurationError:
            problem = "names no agent"
        raise ClaimRefused(path, problem)

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        return self.tenant.value if isinstance(self.tenant, Fixed) else _text(claims, self.tenant)


def _steps(path: str) -> list[str]:
    if path.startswith("/"):
        return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]
    return [path] if "://" in path else path.split(".")


def _at(claims: Mapping[str, Any], path: str) -> Any:
    return _inside(claims, _steps(path))


def _inside(claims: Mapping[str, Any], steps: Iterable[str]) -> Any:
    found: Any = claims
    for step in steps:
        if isinstance(found, Mapping) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return _MISSING
    return found


def _text(claims: Mapping[str, Any], path: str) -> str:
    found = _at(claims, path)
    if found is _MISSING:
        raise ClaimRefused(path, "is missing")
    if not isinstance(found, str) or not found.strip():
        raise ClaimRefused(path, "is no text, or is empty")
    return found


def _names(claims: Mapping[str, Any], paths: Iterable[str]) -> frozenset[str]:
    names: set[str] = set()
    for path in paths:
        found = _at(claims, path)
        if found is _MISSING:
            continue
        if isinstance(found, str):
            found = found.split() if _steps(path)[-1] in _NAMES_IN_TEXT else [found]
        if not isinstance(found, list) or not all(isinstance(name, str) and name for name in found):
            raise ClaimRefused(path, "is neither text nor an array of text")
        names.update(found)
    return frozenset(names)
