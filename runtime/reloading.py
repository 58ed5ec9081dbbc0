"""Bringing other policies into force while runs go on: whole, or not at all."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from typing_extensions import TypeIs

from licet.audit.errors import ConfigurationError, LicetError
from licet.audit.events import PolicyFault, PolicyRejected
from licet.audit.records import INSTALLATION, Draft, Unit
from licet.policies import ManagedEngine, PolicyEngine, PolicyError, ReloadableEngine, load
from licet.runtime.active import RUNTIME
from licet.runtime.registration import register
from licet.runtime.stages import Services

log = logging.getLogger("licet.runtime")

Policies = Path | str | PolicyEngine | None
"""As `Runtime(policies=...)` takes them."""

MOST_FAULTS = 100
LONGEST_TEXT = 2000
"""So many faults of a policy set that is refused, and so many characters of each, go into the record."""


def engine_of(policies: Policies) -> PolicyEngine:
    """The engine that decides by `policies`, not started.

    Raises:
        PolicyError: the policy set cannot be used.
        OpaMissing: it is a folder, and there is no `opa` to compile it.
    """
    return load(policies) if _is_path(policies) else policies


async def change(services: Services, policies: Policies, in_use: Policies) -> Policies:
    """Let `policies` decide from now on. A decision that is under way ends under the revision it began with.

    Args:
        services: where the engine in force stands.
        policies: the new ones; None for those in use, as they stand now.
        in_use: what the engine in force was made from.

    Returns:
        What the engine in force is made from now.

    Raises:
        ConfigurationError: there is nothing to read again.
        PolicyError: the new policies cannot be used; the old ones stay, and the journal says so.
        ServiceDown: their service does not answer; likewise. Or the journal does not.
    """
    old = services.engine
    source = in_use if policies is None else policies
    if policies is None and not (_is_path(source) or isinstance(old, ReloadableEngine)):
        raise ConfigurationError(
            f"this runtime was given the engine {old.name}, which only its author can make again; give"
            " reload_policies the engine, or the path of the policies, that are to decide"
        )
    if services.shadow is not None and policies is services.shadow.engine:
        raise ConfigurationError(
            "this engine is asked in shadow, in a thread of its own; give reload_policies another one like it"
        )
    try:
        # Compiling a folder takes a while, and calls go on meanwhile.
        engine = await asyncio.to_thread(_made, policies, source, old)
    except Exception as error:
        await _reject(services, source, error)
        raise
    if engine is old or (_is_path(policies) and engine.revision == old.revision):
        log.info("the policies were read again, and revision %s stays in force", old.revision)
        return in_use
    try:
        if isinstance(engine, ManagedEngine):
            await engine.start()
    except Exception as error:
        await _close(engine)
        await _reject(services, source, error)
        raise
    try:
        # The record comes first: by the time that a revision decides, the journal says that it is in force.
        await asyncio.to_thread(register, services.journal, (), engine)
    except BaseException:
        await _close(engine)
        raise
    services.engine = engine
    log.info("policy revision %s is in force, in place of %s", engine.revision, old.revision)
    await _close(old)
    return source if _is_path(source) and not isinstance(engine, ReloadableEngine) else engine


def _made(policies: Policies, source: Policies, old: PolicyEngine) -> PolicyEngine:
    if isinstance(old, ReloadableEngine) and _is_path(policies):
        return old.reloaded(policies)
    return engine_of(source)


def _is_path(policies: Policies) -> TypeIs[Path | str | None]:
    return policies is None or isinstance(policies, str | Path)


async def _reject(services: Services, source: Policies, error: Exception) -> None:
    """Say that new policies are refused: in the journal, and in the log should the journal not take it."""
    name = _text(str(source or "the shipped library") if _is_path(source) else source.name)
    kept = services.engine.revision
    why = _text(str(error))
    log.error("the policies of %s are refused, and revision %s stays in force: %s", name, kept, why)
    if isinstance(error, PolicyError):
        faults = tuple(
            PolicyFault(reason=_text(fault.reason), file=fault.file and _text(fault.file), line=fault.line)
            for fault in error.faults[:MOST_FAULTS]
        )
    else:
        # Only Licet's own errors are known to quote no secret.
        reason = (
            str(error) if isinstance(error, LicetError) else "it failed with an error that is not Licet's"
        )
        faults = (PolicyFault(reason=_text(reason)),)
    event = PolicyRejected(kept=kept, source=name, error=type(error).__name__, faults=faults)
    try:
        await services.journal.append(Unit(INSTALLATION, INSTALLATION, (Draft(event, RUNTIME),)))
    except LicetError:
        log.exception("that the policies of %s are refused could not be journalled", name)


async def _close(engine: PolicyEngine) -> None:
    """Close an engine that does not decide any more. What goes wrong with that changes nothing."""
    if isinstance(engine, ManagedEngine):
        try:
            await engine.close()
        except Exception:
            log.exception("the policy engine %s, which is out of use, did not close", engine.name)


def _text(text: str) -> str:
    """What can be recorded: valid Unicode, and not too much of it."""
    return text[:LONGEST_TEXT].encode(errors="replace").decode()
