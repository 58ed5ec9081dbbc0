"""What can be said of a policy set before it is used: does it compile, and would it do what it is meant to?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from licet.policies import toolchain
from licet.policies.bundle import Bundle
from licet.policies.errors import Fault, PolicyError
from licet.policies.library import INPUT_SCHEMA, Sources, documents, with_paths
from licet.policies.lints import TOO_DEEP, lint


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found.

    Attributes:
        faults: everything that is wrong, by file and line; none when the policy can be used as it is.
        bundle: the policy set, compiled; None when it does not compile.
    """

    faults: tuple[Fault, ...]
    bundle: Bundle | None


def check(paths: Sequence[Path], data: Sequence[Path] = ()) -> Checked:
    """Check folders and files of Rego, with their tests, as one policy set.

    They are compiled strictly, against the schema of the input and Licet's capabilities, made ready to be asked, and
    then read for what `licet.policies.lints` looks for. Paths and data are as for `licet.policies.library.with_paths`.

    Raises:
        OpaMissing: there is no toolchain to compile them.
    """
    from licet.policies.inprocess import InProcessEngine  # wasmtime takes 80 ms to import

    bundle = None
    try:
        sources = with_paths(paths, data)
        bundle = Bundle.unpack(toolchain.build(sources))
        InProcessEngine(bundle)
        faults = [*_of_tests(with_paths(paths, data, tests=True)), *_of_lints(sources)]
    except PolicyError as error:
        faults = list(error.faults)
    return Checked(
        tuple(sorted(faults, key=lambda one: (one.file or "", one.line or 0, one.column or 0))), bundle
    )


def _of_tests(sources: Sources) -> list[Fault]:
    # Tests are run by OPA itself, so they may call whatever OPA has, and give inputs that are not whole.
    found = toolchain.find().check(sources.files, capabilities=None, schema=None, strict=True)
    return toolchain.faults(found, sources)


def _of_lints(sources: Sources) -> list[Fault]:
    trees: dict[str, Any] = {}
    try:
        trees = toolchain.find().parse(sources.files)
        found = lint(trees, orjson.loads(INPUT_SCHEMA.read_bytes()), documents(sources))
    except (RecursionError, orjson.JSONDecodeError) as error:
        if isinstance(error, orjson.JSONDecodeError) and "limit" not in str(error):
            raise  # a tree that is too deep is beyond the parser's limit; anything else is a fault of ours
        file, line = _deepest(trees)
        given, source = toolchain.place(file, line, sources) if file else (None, None)
        return [Fault(f"{'this rule' if file else 'the policy'} is {TOO_DEEP}", given, line, source)]
    faults = []
    for one in found:
        file, source = toolchain.place(one.file, one.line, sources)
        faults.append(Fault(one.reason, file, one.line, source, one.column, one.lint))
    return faults


def _deepest(trees: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """File and line of the rule that is nested deepest; None when there is none."""
    rules = [
        (_depth(rule), file, rule["location"]["row"])
        for file, tree in trees.items()
        for rule in tree.get("rules") or ()
    ]
    return max(rules)[1:] if rules else (None, None)


def _depth(tree: object) -> int:
    depth, level = 0, [tree]
    while level:
        depth += 1
        inside = [
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        ]
        level = [item for several in inside for item in several]
    return depth
