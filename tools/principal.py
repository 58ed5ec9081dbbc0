"""For whom an agent acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import orjson

from licet.audit.canonical import Json, canonical
from licet.audit.errors import ConfigurationError


@dataclass(frozen=True)
class Principal:
    """A person or service, as a credential proved it and never as a model says.

    Attributes:
        subject: a pseudonymous id, unique in the tenant.
        tenant: whose data this principal belongs to.
        roles: what the tenant lets it be.
        attributes: anything else policy reads, as JSON. It is copied. What stands inside a list or object of it
            can be changed, so code of others gets a `copy`.

    Raises:
        ConfigurationError: an empty subject or tenant, or attributes that are not JSON (NaN among them).
    """

    subject: str
    tenant: str = "default"
    roles: frozenset[str] = frozenset()
    attributes: Mapping[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("subject", "tenant"):
            value: Any = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ConfigurationError(f"Principal.{name} must be text that is not empty")
        roles: Any = self.roles
        if isinstance(roles, str) or not isinstance(roles, Iterable):
            raise ConfigurationError('Principal.roles must be a set of names, such as {"support"}')
        object.__setattr__(self, "roles", frozenset(roles))
        if not all(isinstance(role, str) and role != "" for role in frozenset[Any](roles)):
            raise ConfigurationError("each of Principal.roles must be text that is not empty")
        attributes: Any = self.attributes
        if not isinstance(attributes, Mapping):
            raise ConfigurationError("Principal.attributes must be a mapping from names to JSON values")
        try:
            copy = orjson.loads(canonical(dict(attributes)))
            canonical([self.subject, self.tenant, *sorted(self.roles)])
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"Principal: not JSON: {error}") from None
        object.__setattr__(self, "attributes", MappingProxyType(copy))

    def copy(self) -> Principal:
        """The same principal, with nothing in common that could be changed; itself when there is no such."""
        nested = any(isinstance(value, dict | list) for value in self.attributes.values())
        return replace(self) if nested else self

    def digestible(self) -> dict[str, Json]:
        """Plain JSON of the whole principal, the same for equal principals: what a binding digest covers."""
        return {
            "subject": self.subject,
            "tenant": self.tenant,
            "roles": sorted(self.roles),
            "attributes": deepcopy(dict(self.attributes)),
        }

    def __hash__(self) -> int:
        return hash((self.subject, self.tenant, self.roles))
