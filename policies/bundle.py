"""A policy set as an OPA bundle: what lies in it, and the revision that names it.

The format: https://www.openpolicyagent.org/docs/management-bundles#bundle-file-format
"""

from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from zlib import error as ZlibError

import orjson

from licet.audit.canonical import digest, sha256
from licet.policies.errors import Fault, PolicyError

ENTRYPOINT = "licet/decision"

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
        data: the base documents, a JSON object.
        wasm: the policy as OPA compiled it, with the entry point `licet/decision`.
        revision: SHA-256 over modules, data and compiled policy, by path and content; the times and the
            compression of the archive do not count.
    """

    raw: bytes = field(repr=False)
    modules: dict[str, bytes] = field(repr=False)
    data: bytes = field(repr=False)
    wasm: bytes = field(repr=False)
    revision: str

    @classmethod
    def unpack(cls, raw: bytes, name: str = "bundle", entrypoint: str = ENTRYPOINT) -> Bundle:
        """Read a bundle; `name` is what to call it in an error.

        Raises:
            PolicyError: it is no bundle, or one that was not compiled to WebAssembly for this entry point alone.
        """
        files = unpacked(raw, name)
        compiled = entrypoints(files)
        if entrypoint not in compiled:
            raise PolicyError(
                Fault(
                    f"the bundle is not compiled for {entrypoint}; give Licet the folder of Rego instead, or build "
                    "the bundle with `licet policy build`",
                    name,
                )
            )
        if others := sorted(compiled.keys() - {entrypoint}):
            raise PolicyError(Fault(f"{', '.join(others)}: {ANOTHER_ENTRYPOINT}", name))
        wasm = files.get(compiled[entrypoint])
        if wasm is None:
            raise PolicyError(Fault("the compiled policy that its manifest names is missing", name))
        modules = {path: content for path, content in files.items() if path.endswith(".rego")}
        data = files.get("data.json", b"{}")
        revision = digest(
            {
                "data": sha256(data),
                "modules": {path: sha256(content) for path, content in modules.items()},
                "wasm": sha256(wasm),
            }
        )
        return cls(raw, modules, data, wasm, revision)


def unpacked(raw: bytes, name: str = "bundle") -> dict[str, bytes]:
    """The files of a bundle by path; `name` is what to call it in an error.

    Raises:
        PolicyError: it is no gzipped tar archive, or holds too much.
    """
    try:
        with gzip.open(io.BytesIO(raw)) as stream:
            unpacked = stream.read(_LARGEST + 1)
        if len(unpacked) > _LARGEST:
            raise PolicyError(Fault(f"the bundle holds more than {_LARGEST >> 20} MiB", name))
        files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                path = member.name.removeprefix("./").lstrip("/")
                if path in files:
                    raise PolicyError(Fault(f"the bundle holds {path} twice", name))
                files[path] = content.read()
    except (OSError, EOFError, ZlibError, tarfile.TarError) as error:
        raise PolicyError(Fault(f"this is no OPA bundle (a gzipped tar archive): {error}", name)) from None
    return files


def entrypoints(files: dict[str, bytes]) -> dict[str, str]:
    """The path of the compiled module by entry point, such as `licet/decision`, from the manifest.

    Nothing where the manifest is missing or none of OPA's.
    """
    try:
        entries = orjson.loads(files[".manifest"])["wasm"]
        return {entry["entrypoint"]: str(entry["module"]).lstrip("/") for entry in entries}
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return {}
