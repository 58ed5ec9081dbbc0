"""From a path to a policy engine."""

from __future__ import annotations

from pathlib import Path

from licet.policies import toolchain
from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.engine import PolicyEngine
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import package_fault, with_folder

DEADLINE = 0.25
"""Seconds after which an evaluation is stopped, unless said otherwise."""


def load(path: Path | str | None = None, *, deadline: float = DEADLINE) -> PolicyEngine:
    """The policy at `path`, ready to be asked.

    Args:
        path: None for the shipped policy; a bundle (`.tar.gz`) that was built from the shipped library; or a
            folder of Rego that is added to the shipped library, which takes a toolchain of OPA's.
        deadline: after so many seconds an evaluation is stopped and the call denied.

    Raises:
        PolicyError: the policy does not compile, touches what is Licet's own or cannot be evaluated here;
            with file, line, reason and source line where there are any.
        OpaMissing: a folder was given and there is no toolchain.
    """
    from licet.policies.inprocess import InProcessEngine  # wasmtime takes 80 ms to import

    return InProcessEngine(policy_set(path), deadline)


def policy_set(path: Path | str | None = None) -> Bundle:
    """The policy set at `path`, compiled, whichever engine is to be asked.

    Args and errors are those of `load`.
    """
    if path is None:
        return Bundle.unpack(SHIPPED.read_bytes(), SHIPPED.name)
    place = Path(path)
    if place.is_dir():
        return Bundle.unpack(toolchain.build(with_folder(place)), str(place))
    try:
        raw = place.read_bytes()
    except OSError as error:
        raise PolicyError(
            Fault(f"{error.strerror}; give a folder of Rego or a bundle (.tar.gz)", str(place))
        ) from None
    bundle = Bundle.unpack(raw, str(place))
    if faults := _foreign_modules(bundle.modules):
        raise PolicyError(faults)
    return bundle


def _foreign_modules(modules: dict[str, bytes]) -> list[Fault]:
    # Against the Rego in the shipped bundle, not its source: OPA leaves the entry point out, once compiled.
    ours = Bundle.unpack(SHIPPED.read_bytes(), SHIPPED.name).modules
    faults = [
        Fault("this is not the library of this version of Licet; build the bundle again", name)
        for name, content in ours.items()
        if modules.get(name) != content
    ]
    for name, content in modules.items():
        if name not in ours and (fault := package_fault(content, name)):
            faults.append(fault)
    return faults
