"""What policy may know of a tenant: facts of the run's own tenant, and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction
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

MOST = 250_000
"""Bytes that the facts of a tenant may have as JSON: they go into the record of every decision."""

NOTHING = orjson.Fragment(b"{}")
"""Of a tenant of which nothing is said."""


class Tenants:
    """Answers for single tenants. Values are what JSON has words for, and Decimals, which reach policy exactly.

    Raises:
        ConfigurationError: facts that were given hold something else, or the function is not async.
    """

    def __init__(self, data: TenantData | None) -> None:
        self._ask: Callable[[str], Awaitable[Mapping[str, Any]]] | None = None
        self._known: dict[str, orjson.Fragment] = {}
        if callable(data):
            if not (iscoroutinefunction(data) or iscoroutinefunction(type(data).__call__)):
                raise ConfigurationError("tenant_data must be a mapping, or an async function of a tenant")
            self._ask = data
            return
        for tenant, facts in (data or {}).items():
            try:
                self._known[tenant] = _written(facts)
            except ValueError as error:
                raise ConfigurationError(
                    f"the data of tenant {tenant} is nothing for policy to read: {error}"
                ) from None

    async def facts(self, tenant: str) -> orjson.Fragment:
        """What is said of a tenant, a JSON object.

        Raises:
            PolicyUnavailable: the function that was given raises, is late, or answers what policy could not read.
                Without the facts nobody can say what policy would.
        """
        if self._ask is None:
            return self._known.get(tenant, NOTHING)
        answer = await self._asked(self._ask, tenant)
        try:
            return _written(answer)
        except ValueError as error:
            raise _unknown(tenant, f"is nothing for policy to read: {error}") from None

    async def _asked(self, ask: Callable[[str], Awaitable[Mapping[str, Any]]], tenant: str) -> object:
        """Its answer. It has a task of its own, so that what is cancelled inside it cancels nobody else."""

        async def answer() -> object:
            return await ask(tenant)

        task = asyncio.create_task(answer())
        try:
            await asyncio.wait((task,), timeout=SECONDS)
        finally:
            late = task.cancel()
        if late:
            raise _unknown(tenant, f"did not come within {SECONDS:g} seconds")
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            # Of a stranger's exception only the class is told: its text may hold a secret.
            raise _unknown(tenant, f"could not be had: {type(error).__name__}")
        return task.result()


def _unknown(tenant: str, why: str) -> PolicyUnavailable:
    return PolicyUnavailable(f"the data of tenant {tenant} {why}")


def _written(facts: object) -> orjson.Fragment:
    if not isinstance(facts, Mapping):
        raise ValueError(f"it is a {type(facts).__name__}, and should be a mapping")
    faults: list[FieldError] = []
    values = policy_values(facts, faults)
    if faults:
        raise ValueError("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
    try:
        text = orjson.dumps(values)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if len(text) > MOST:
        raise ValueError(f"it has {len(text)} bytes, and {MOST} is the limit")
    return orjson.Fragment(text)
