"""What Licet imports it declares, and what it declares it imports; extras are loaded only when used."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

from house import ROOMS, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# A distribution whose types are part of another's public interface, and which is pinned by it.
PART_OF = {"pydantic-core": "pydantic", "referencing": "jsonschema", "starlette": "fastapi"}

# Declared for a reason other than an import of ours.
NOT_IMPORTED = {
    "uvicorn": "what a web application is served by",
    "fastapi": "what a web application mounts Licet in",
    "tzdata": "the time zones, read as files so that they are the same on every machine",
}


def declared(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in requirements}


CORE = declared(PROJECT["dependencies"])
EXTRAS = {name for extra in PROJECT["optional-dependencies"].values() for name in declared(extra)}


@cache
def imported() -> dict[str, str]:
    """The distributions that the package imports anywhere, with a file that does."""
    owners = packages_distributions()
    found = {}
    for folder in ("licet", *ROOMS):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_bytes())):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    names = [node.module]
                for name in names:
                    module = name.partition(".")[0]
                    if module == "licet" or module in sys.stdlib_module_names:
                        continue
                    for owner in owners.get(module, [module]):
                        distribution = canonicalize_name(owner)
                        found[PART_OF.get(distribution, distribution)] = str(file.relative_to(ROOT))
    return found


def test_what_is_imported_is_declared() -> None:
    assert {name: file for name, file in imported().items() if name not in CORE | EXTRAS} == {}


def test_what_is_declared_is_imported() -> None:
    assert set(imported()) | set(NOT_IMPORTED) >= CORE | EXTRAS


def test_nothing_is_declared_twice() -> None:
    assert not CORE & EXTRAS


def test_an_exception_is_still_one() -> None:
    assert not set(NOT_IMPORTED) & set(imported())
    assert set(NOT_IMPORTED) <= CORE | EXTRAS


def loaded_after(statements: str) -> set[str]:
    told = "import json, sys; print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    script = f"{statements}\n{told}"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout))


MODELS = {"pydantic_ai", "genai_prices", "openai", "anthropic", "httpx"}
WEB = {"fastapi", "starlette", "uvicorn"}
AUTH = {"joserfc", "httpx2"}


def test_importing_licet_loads_no_other_package() -> None:
    loaded = loaded_after("import licet")
    assert "licet" in loaded
    assert not loaded & {"pydantic", "sqlalchemy", "wasmtime", *MODELS, *WEB, *AUTH}


def test_the_whole_public_interface_works_without_the_extras() -> None:
    """None in `sys.modules` makes Python refuse the import, as if the package were not installed."""
    loaded = loaded_after(
        f"import sys; sys.modules.update(dict.fromkeys({sorted(MODELS | WEB | AUTH)!r}))\n"
        "import licet\n"
        "for name in licet.__all__: getattr(licet, name)"
    )
    assert {"pydantic", "sqlalchemy"} <= loaded
