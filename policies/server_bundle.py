"""`python -m licet.policies.server_bundle`: a policy set as one bundle, for the engine in process and an OPA server.

The bundle that `opa build -t wasm` makes is for the engine in process: OPA took the rule that it compiled out of the
Rego, and an `opa` without a WebAssembly engine of its own (the usual one) refuses to activate it. The one made here
holds the same Rego in full, the same data and the same compiled policy, of which its manifest tells Licet alone. It
carries the revision of the compiled one. So both engines name one policy set by one revision, and OPA's provenance
tells which it answers by.

The format: https://www.openpolicyagent.org/docs/management-bundles#bundle-file-format
"""

from __future__ import annotations

import argparse
import gzip
import io
import re
import sys
import tarfile
from pathlib import Path

import orjson

from licet.audit.errors import LicetError
from licet.policies.bundle import ENTRYPOINT, ENTRYPOINTS, Bundle
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import shipped
from licet.policies.load import policy_set
from licet.policies.signature import SIGNATURES, BundleKey, sign

_MODULE = "policy.wasm"
"""Where the compiled policy lies. OPA loads it and, as the manifest's `wasm` does not name it, leaves it alone."""

_COMMENT = re.compile(rb"^\s*#.*$", re.MULTILINE)
_NAME = re.compile(rb'^\s*package\s+(\w+)|\bdata\.(\w+)|\bdata\["([^"\\]+)"\]', re.MULTILINE)
"""Names at the top of `data`. None is worked out as it runs: to OPA a rule that did so would be recursive."""


def for_server(
    bundle: Bundle, name: str = "bundle", *, label: str | None = None, signing_key: BundleKey | None = None
) -> bytes:
    """The bundle that OPA serves so that it decides as `bundle` does in process, where it is taken too.

    It has the same bytes each time, unless it is signed with an EC key.

    It owns every name at the top of `data` that its Rego declares or reads, so that no other bundle, and no request to
    OPA's API, adds a rule or a document to what decides. `system` stays free for OPA's own authorization.

    Args:
        name: what to call it in an error.
        label: what its author calls this revision, such as a commit; by default what `bundle` has.
        signing_key: the key to sign it with.

    Raises:
        PolicyError: rules other than the decision were compiled, so their Rego is no longer in the bundle.
    """
    if compiled := _entrypoints(bundle).difference(ENTRYPOINTS):
        raise PolicyError(
            Fault(
                f"{', '.join(sorted(compiled))} was compiled as an entry point of its own, and OPA then leaves Rego "
                "out of the bundle; remove `entrypoint: true` from the metadata of your rules and build it again",
                name,
            )
        )
    label = label if label is not None else bundle.label
    ours = {"entrypoint": ENTRYPOINT, "module": _MODULE} | ({"label": label} if label is not None else {})
    manifest = {
        "revision": bundle.revision,
        "roots": _roots(bundle),
        "rego_version": 1,
        "metadata": {"licet": ours},
    }
    files = {
        ".manifest": orjson.dumps(manifest),
        "data.json": bundle.data,
        _MODULE: bundle.wasm,
        **bundle.modules,
        **shipped().files,
    }
    if signing_key is not None:
        files[SIGNATURES] = sign(files, signing_key)
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path]), 0o644
            archive.addfile(entry, io.BytesIO(files[path]))
    return packed.getvalue()


def _roots(bundle: Bundle) -> list[str]:
    rego = _COMMENT.sub(b"", b"\n".join((*bundle.modules.values(), *shipped().files.values())))
    names = {name.decode() for found in _NAME.findall(rego) for name in found if name}
    names |= set(orjson.loads(bundle.data))
    return [""] if any("/" in name for name in names) else sorted(names)  # a root is a path


def _entrypoints(bundle: Bundle) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(bundle.raw)) as archive:
        for member in archive:
            if member.name.removeprefix("./").lstrip("/") == ".manifest":
                content = archive.extractfile(member)
                assert content is not None
                return {entry["entrypoint"] for entry in orjson.loads(content.read()).get("wasm", ())}
    raise AssertionError("a bundle that was unpacked has a manifest")


def main() -> int:
    """Write the bundle. Returns the exit code: 0, or 2 when the policy set cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m licet.policies.server_bundle", description="Pack a policy set for an OPA server."
    )
    parser.add_argument("output", type=Path, help="the file to write, such as licet.tar.gz")
    parser.add_argument(
        "--policies",
        type=Path,
        help="a bundle, or a folder of Rego that is added to the shipped library; by default the library alone",
    )
    options = parser.parse_args()
    try:
        bundle = policy_set(options.policies)
        packed = for_server(bundle, str(options.policies))
        options.output.write_bytes(packed)
    except LicetError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"{options.output} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"wrote {options.output} ({len(packed)} bytes), revision {bundle.revision}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
