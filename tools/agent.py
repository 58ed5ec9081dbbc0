"""Which agent acts, and with what rights of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from licet.audit.canonical import canonical
from licet.audit.errors import ConfigurationError
from licet.tools.principal import Principal


@dataclass(frozen=True, slots=True)
class Agent:
    """The second actor of a run, beside its principal. What may happen is what both of them may.

    Attributes:
        id: a name, for records and for policy.
        roles: those it may use at all. It has none by itself: it acts with those of its principal's roles that are
            among these. None: it may use whichever its principal has.
        tenant: the only tenant that it serves; None: any.

    Raises:
        ConfigurationError: an empty id or tenant, or roles that are no set of names.
    """

    id: str
    roles: frozenset[str] | None = None
    tenant: str | None = None

    def __post_init__(self) -> None:
        given: Any = self.id
        if not isinstance(given, str) or not given.strip():
            raise ConfigurationError("Agent.id must be text that is not empty")
        tenant: Any = self.tenant
        if tenant is not None and (not isinstance(tenant, str) or not tenant.strip()):
            raise ConfigurationError("Agent.tenant must be text that is not empty, or None")
        roles: Any = self.roles
        if roles is not None:
            if isinstance(roles, str) or not isinstance(roles, Iterable):
                raise ConfigurationError('Agent.roles must be a set of names, such as {"support"}, or None')
            object.__setattr__(self, "roles", frozenset(roles))
            if not all(isinstance(role, str) and role != "" for role in frozenset[Any](roles)):
                raise ConfigurationError("each of Agent.roles must be text that is not empty")
        try:
            canonical([self.id, self.tenant, *sorted(self.roles or ())])
        except ValueError:
            raise ConfigurationError("an Agent's id, tenant and roles must be valid Unicode") from None

    def serves(self, principal: Principal) -> bool:
        """Whether it may act for somebody of this principal's tenant."""
        return self.tenant in (None, principal.tenant)

    def within(self, other: Agent) -> Agent:
        """This agent, with those roles only that the other may use too."""
        if other.roles is None:
            return self
        return replace(self, roles=other.roles if self.roles is None else self.roles & other.roles)

    def narrow(self, principal: Principal) -> Principal:
        """The principal with those roles only that the agent may use too; itself when that is all of them."""
        if self.roles is None or principal.roles <= self.roles:
            return principal
        return replace(principal, roles=principal.roles & self.roles)
