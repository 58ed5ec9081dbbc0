"""Which builtins a policy may call: those that run inside the compiled policy, and those that Licet gives it.

`capabilities.json`, beside this file, is what `opa build` and `opa check` hold a policy to: one that calls
anything else is refused, with file and line. It is derived from OPA itself: one rule for each builtin is
compiled, and what the compiled module then asks a host for is left out, unless it is in `licet.policies.builtins`.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import orjson

from licet.policies import opa_program
from licet.policies.builtins import BUILTINS
from licet.policies.bundle import Bundle
from licet.policies.errors import Fault, PolicyError
from licet.policies.wasm import required_builtins

_SPELLED_OTHERWISE = {
    "assign": "p if { x := input.x; x }",
    "eq": "p if { input.x = input.y }",
    "internal.member_2": "p if { input.x in input.y }",
    "internal.member_3": "p if { input.x, input.y in input.z }",
    "internal.template_string": 'p := $"{input.x}"',
    "walk": "p if { walk(input.x, [_, _]) }",
}
"""Builtins that are operators or relations, by a rule that calls each."""

_ERASED = {"print", "internal.print", "internal.test_case"}
"""What the compiler removes from what it builds, so that no host is asked; a policy may keep its prints."""

_INEXACT = {"format_int", "indexof", "json.unmarshal"}
"""What a compiled policy has, but answers otherwise than OPA does; docs/builtins.md says where.

An integer beyond 64 bits ends an evaluation in format_int; sprintf writes it. An empty text is found by indexof where
OPA finds nothing. json.unmarshal takes numbers with an exponent so large that OPA's has no value.
"""


def derive() -> bytes:
    """What capabilities.json has to hold for the `opa` that is here.

    Raises:
        OpaMissing: there is none.
        PolicyError: a builtin could not be tried.
    """
    program = opa_program.find()
    current = orjson.loads(
        subprocess.run([program, "capabilities", "--current"], check=True, capture_output=True).stdout
    )
    builtins = [builtin for builtin in current["builtins"] if not builtin.get("deprecated")]
    rules = [rule for builtin in builtins if (rule := _rule(builtin))]
    refused = (_needed(program, rules) - BUILTINS.keys()) | _INEXACT
    current["builtins"] = [_bare(builtin) for builtin in builtins if builtin["name"] not in refused]
    current["allow_net"] = []
    return orjson.dumps(
        current, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    )


def _rule(builtin: dict[str, Any]) -> str | None:
    name = builtin["name"]
    if name in _ERASED:
        return None
    if name in _SPELLED_OTHERWISE:
        return _SPELLED_OTHERWISE[name]
    arguments = ", ".join("input.x" for _ in builtin["decl"].get("args", ()))
    return f"p := {name}({arguments})"


def _needed(program: Path, rules: list[str]) -> set[str]:
    lines = ["package probe", *(f"r{number}{rule[1:]}" for number, rule in enumerate(rules))]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "probe.rego").write_text("\n".join(lines) + "\n")
        done = subprocess.run(
            [program, "build", "--target", "wasm", "--entrypoint", "probe", "probe.rego"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PolicyError(Fault(f"opa cannot compile a builtin of its own: {done.stderr.strip()}"))
        raw = Path(folder, "bundle.tar.gz").read_bytes()
    return required_builtins(Bundle.unpack(raw, entrypoint="probe").wasm)


def _bare(builtin: dict[str, Any]) -> dict[str, Any]:
    # Without `relation` the compiler takes walk for a function, and rules that use it never hold.
    kept = {key: builtin[key] for key in ("infix", "relation") if key in builtin}
    return {"name": builtin["name"], "decl": _types(builtin["decl"])} | kept


def _types(value: Any) -> Any:
    # Titles and descriptions are of no use to the compiler and change with every release.
    if isinstance(value, dict):
        typed = "type" in value
        return {
            key: _types(item) for key, item in value.items() if not (typed and key in ("description", "name"))
        }
    return [_types(item) for item in value] if isinstance(value, list) else value
