"""From a path to a policy engine."""

from __future__ import annotations

import os
from pathlib import Path

from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.engine import PolicyEngine
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import package_fault, with_folder
from licet.policies.signature import BundleKey

DEADLINE = 0.25
"""Seconds after which an evaluation is stopped, unless said otherwise."""


def load(
    path: Path | str | None = None, *, deadline: float = DEADLINE, verification_key: Path | None = None
) -> PolicyEngine:
    """The policy at `path`, ready to be asked.

    Args:
        path: None for the shipped policy; a bundle (`.tar.gz`) that was built from the shipped library; or a
            folder of Rego that is added to the shipped library, which takes a toolchain of OPA's.
        deadline: after so many seconds an evaluation is stopped and the call denied.
        verification_key: the PEM file of the public key that must have signed the bundle; a folder, and a bundle that
            is not signed by it, is then refused. By default the one that LICET_VERIFICATION_KEY names, if it is set.

    Raises:
        PolicyError: the policy does not compile, touches what is Licet's own, cannot be evaluated here or is not
            signed as demanded; with file, line, reason and source line where there are any.
        ConfigurationError: there is no public key in that file.
        OpaMissing: a folder was given and there is no toolchain.
    """
    from licet.policies.inprocess import InProcessEngine  # wasmtime takes 80 ms to import

    return InProcessEngine(policy_set(path, verification_key), deadline)


def policy_set(path: Path | str | None = None, verification_key: Path | None = None) -> Bundle:
    """The policy set at `path`, compiled, whichever engine is to be asked.

    Args and errors are those of `load`.
    """
    if path is None:
        return Bundle.unpack(SHIPPED.read_bytes(), SHIPPED.name)
    place = Path(path)
    named = verification_key or os.environ.get("LICET_VERIFICATION_KEY")
    key = BundleKey.public(Path(named)) if named else None
    if place.is_dir():
        if key is not None:
            raise PolicyError(
                Fault(
                    "a folder is not signed; build a bundle of it with `licet policy build --signing-key`",
                    str(place),
                )
            )
        from licet.policies import toolchain  # what compiles is not loaded where nothing is compiled

        return Bundle.unpack(toolchain.build(with_folder(place)), str(place))
    try:
        raw = place.read_bytes()
    except OSError as error:
        raise PolicyError(
            Fault(f"{error.strerror}; give a folder of Rego or a bundle (.tar.gz)", str(place))
        ) from None
    bundle = Bundle.unpack(raw, str(place), verification_key=key)
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
