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
OFFERED = "licet/offered"

ENTRYPOINTS = (ENTRYPOINT, OFFERED)
"""What is asked of a policy: whether a call may happen, and which tools a run is offered."""

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
            PolicyError: it is no bundle, or one that was not compiled to WebAssembly.
        """
        files = _files(raw, name)
        wasm = files.get(_module_path(files, name, entrypoint))
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


def _files(raw: bytes, name: str) -> dict[str, bytes]:
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


def _module_path(files: dict[str, bytes], name: str, entrypoint: str) -> str:
    try:
        manifest = orjson.loads(files[".manifest"])
        for entry in manifest.get("wasm", ()):
            if entry["entrypoint"] == entrypoint:
                return str(entry["module"]).lstrip("/")
    except (KeyError, TypeError, AttributeError, orjson.JSONDecodeError):
        pass
    raise PolicyError(
        Fault(
            f"the bundle is not compiled for {entrypoint}; give Licet the folder of Rego instead, or build "
            "the bundle with `licet policy build`",
            name,
        )
    )
