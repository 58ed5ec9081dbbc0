"""What policy may know of a tenant: facts of the run's own tenant, and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from licet.audit.errors import ConfigurationError
from licet.policies import PolicyUnavailable
from licet.tools import FieldError
from licet.tools.plain_values import policy_values

TenantData = Mapping[str, Mapping[str, Any]] | Callable[[str], Awaitable[Mapping[str, Any]]]
"""Facts by tenant, which stay as they are; or a function that is asked for one tenant's each time that policy is."""

SECONDS = 5.0
"""How long such a function has."""

NOTHING = orjson.Fragment(b"{}")
"""Of a tenant of which nothing is said."""


class Tenants:
    """Answers for single tenants. Values are what JSON has words for, and Decimals, which reach policy exactly.

    Raises:
        ConfigurationError: facts that were given hold something else.
    """

    def __init__(self, data: TenantData | None) -> None:
        self._ask: Callable[[str], Awaitable[Mapping[str, Any]]] | None = data if callable(data) else None
        self._known: dict[str, orjson.Fragment] = {}
        if data is None or callable(data):
            return
        for tenant, facts in data.items():
            try:
                self._known[tenant] = _written(facts)
            except ValueError as error:
                raise ConfigurationError(
                    f"the data of tenant {tenant} holds what policy could not read: {error}"
                ) from None

    async def facts(self, tenant: str) -> orjson.Fragment:
        """What is said of a tenant, a JSON object.

        Raises:
            PolicyUnavailable: the function that was given raises, is late, or answers what policy could not read.
                Without the facts nobody can say what policy would.
        """
        if self._ask is None:
            return self._known.get(tenant, NOTHING)
        try:
            async with asyncio.timeout(SECONDS):
                return _written(await self._ask(tenant))
        except TimeoutError:
            why = f"did not come within {SECONDS:g} seconds"
        except ValueError as error:
            why = f"holds what policy could not read: {error}"
        except Exception as error:
            why = f"could not be had: {type(error).__name__}"
        raise PolicyUnavailable(f"the data of tenant {tenant} {why}")


def _written(facts: object) -> orjson.Fragment:
    if not isinstance(facts, Mapping):
        raise ValueError(f"it is a {type(facts).__name__}, and should be a mapping")
    faults: list[FieldError] = []
    values = policy_values(facts, faults)
    if faults:
        raise ValueError("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
    try:
        return orjson.Fragment(orjson.dumps(values))
    except TypeError as error:
        raise ValueError(str(error)) from None
