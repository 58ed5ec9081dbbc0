"""A policy set as an OPA bundle: what lies in it, and the revision that names it.

The format: https://www.openpolicyagent.org/docs/management-bundles#bundle-file-format
"""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import error as ZlibError

import orjson

from licet.audit.canonical import digest, sha256
from licet.policies.data_numbers import place_of, unreadable
from licet.policies.errors import Fault, PolicyError
from licet.policies.json_text import normal
from licet.policies.library import shipped
from licet.policies.signature import BundleKey, verify

ENTRYPOINT = "licet/decision"
OFFERED = "licet/offered"

ENTRYPOINTS = (ENTRYPOINT, OFFERED)
"""What is asked of a policy: whether a call may happen, and which tools a run is offered."""

ANOTHER_ENTRYPOINT = (
    "it is an entry point of its own, so OPA leaves its Rego out of the bundle; the only entry point is Licet's, which "
    "composes yours: remove `entrypoint: true` from the metadata and build again"
)
"""Why no more than one rule may be compiled as an entry point."""

SHIPPED = Path(__file__).with_name("bundle.tar.gz")
"""The bundle of Licet's own library, compiled."""

_LARGEST = 64 << 20
"""The most that a bundle may hold, in bytes, unpacked."""


@dataclass(frozen=True)
class Bundle:
    """A bundle that has been unpacked.

    Attributes:
        raw: the bundle as it is, a gzipped tar archive.
        modules: the Rego files by their path.
        data: the base documents, a JSON object, in the one spelling of `licet.policies.json_text`.
        wasm: the policy as OPA compiled it, with the entry point `licet/decision`.
        revision: SHA-256 over modules, data and compiled policy, by path and content; the times and the
            compression of the archive do not count.
        label: what its author calls this revision, or None. It says nothing of the content.
    """

    raw: bytes = field(repr=False)
    modules: dict[str, bytes] = field(repr=False)
    data: bytes = field(repr=False)
    wasm: bytes = field(repr=False)
    revision: str
    label: str | None = None

    @classmethod
    def unpack(
        cls,
        raw: bytes,
        name: str = "bundle",
        entrypoint: str = ENTRYPOINT,
        verification_key: BundleKey | None = None,
    ) -> Bundle:
        """Read a bundle, of `opa build -t wasm` or of `licet policy build`.

        Args:
            name: what to call it in an error.
            verification_key: the key that must have signed it; None when it need not be signed.

        Raises:
            PolicyError: it is no bundle, or was not compiled to WebAssembly, for this entry point alone, or is not
                signed by the key.
        """
        files = unpacked(raw, name)
        if verification_key is not None:
            verify(files, verification_key, name)
        manifest = _manifest(files)
        wasm = files.get(_module_path(manifest, name, entrypoint))
        if others := sorted(entrypoints(files) - {entrypoint, *ENTRYPOINTS}):
            raise PolicyError(Fault(f"{', '.join(others)}: {ANOTHER_ENTRYPOINT}", name))
        if wasm is None:
            raise PolicyError(Fault("the compiled policy that its manifest names is missing", name))
        modules = {path: content for path, content in files.items() if path.endswith(".rego")}
        ours = _of_ours(manifest)
        if ours:
            modules = _as_compiled(modules)
        given = files.get("data.json", b"{}")
        if (place := place_of(given, unreadable)) is not None:
            raise PolicyError(Fault(f"{place} in its data is a number with too long an exponent", name))
        data = normal(given)
        revision = digest(
            {
                "data": sha256(data),
                "modules": {path: sha256(content) for path, content in modules.items()},
                "wasm": sha256(wasm),
            }
        )
        return cls(raw, modules, data, wasm, revision, ours.get("label"))


def unpacked(raw: bytes, name: str = "bundle") -> dict[str, bytes]:
    """The files of a bundle by path; `name` is what to call it in an error.

    Raises:
        PolicyError: it is no gzipped tar archive, or holds too much.
    """
    try:
        with gzip.open(io.BytesIO(raw)) as stream:
            content = stream.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise PolicyError(Fault(f"the bundle holds more than {_LARGEST >> 20} MiB", name))
        files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if member.issparse():  # a few bytes of it stand for any size
                    raise PolicyError(Fault(f"the bundle holds {member.name!r} as a sparse file", name))
                file = archive.extractfile(member) if member.isfile() else None
                if file is None:
                    continue
                path = member.name.removeprefix("./").lstrip("/")
                if path in files:
                    raise PolicyError(Fault(f"the bundle holds {path} twice", name))
                files[path] = file.read()
    except (OSError, EOFError, ZlibError, tarfile.TarError) as error:
        raise PolicyError(Fault(f"this is no OPA bundle (a gzipped tar archive): {error}", name)) from None
    return files


def entrypoints(files: dict[str, bytes]) -> set[str]:
    """What a bundle was compiled for by `opa build`, such as `licet/decision`; by its manifest."""
    compiled = _manifest(files).get("wasm")
    entries = compiled if isinstance(compiled, list) else ()
    return {str(entry.get("entrypoint")) for entry in entries if isinstance(entry, dict)}


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    try:
        manifest = orjson.loads(files[".manifest"])
    except (KeyError, orjson.JSONDecodeError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _of_ours(manifest: dict[str, Any]) -> dict[str, Any]:
    """What the manifest of a bundle that serves OPA too says to Licet: see `licet.policies.server_bundle`."""
    metadata = manifest.get("metadata")
    ours = metadata.get("licet") if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) else {}


def _as_compiled(modules: dict[str, bytes]) -> dict[str, bytes]:
    # The compiler takes the rules that it compiles out of the Rego, and OPA's server needs them. The revision is of
    # what the compiler left, so that it is the same for both.
    left = Bundle.unpack(SHIPPED.read_bytes(), SHIPPED.name).modules
    whole = shipped().files
    return {
        path: left[path] if path in left and content == whole[path] else content
        for path, content in modules.items()
    }


def _module_path(manifest: dict[str, Any], name: str, entrypoint: str) -> str:
    try:
        for entry in (*(manifest.get("wasm") or ()), _of_ours(manifest)):
            if entry.get("entrypoint") == entrypoint:
                return str(entry["module"]).lstrip("/")
    except (KeyError, TypeError, AttributeError):
        pass
    raise PolicyError(
        Fault(
            f"the bundle is not compiled for {entrypoint}; give Licet the folder of Rego instead, or build "
            "the bundle with `licet policy build`",
            name,
        )
    )
