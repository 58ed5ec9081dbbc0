"""Finds where a policy indexes an object of its data with a number, which two of OPA's evaluators answer differently.

OPA's own evaluator takes `data.limits[2]` for the key "2"; a compiled policy finds no such key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from licet.policies.errors import Fault

_TOKEN = re.compile(
    r"""#[^\n]*|`[^`]*`|(?<![\w.])data(?P<path>(?:\.[A-Za-z_]\w*|\[\s*(?:"(?:[^"\\\n]|\\.)*"|\d+)\s*\])+)|"(?:[^"\\\n]|\\.)*\""""
)
_STEP = re.compile(r"""\.(?P<name>\w+)|\[\s*(?:(?P<text>"(?:[^"\\\n]|\\.)*")|(?P<number>\d+))\s*\]""")


def numbered_keys(modules: Mapping[str, bytes], data: bytes) -> list[Fault]:
    """A fault for each such place that is written out: `data.limits[2]` where `limits` is an object with a "2"."""
    places = [
        (name, source, match)
        for name, content in modules.items()
        for source in [content.decode(errors="replace")]
        for match in _TOKEN.finditer(source)
        if match["path"] and "[" in match["path"]
    ]
    documents = orjson.loads(data) if places else {}
    return [
        Fault(
            f'{match[0]} finds the key "{number}" in OPA and nothing here; write ["{number}"]',
            name,
            source.count("\n", 0, match.start()) + 1,
            source.splitlines()[source.count("\n", 0, match.start())],
        )
        for name, source, match in places
        for number in _numbers(match["path"], documents)
    ]


def _numbers(path: str, here: Any) -> Iterator[str]:
    for step in _STEP.finditer(path):
        key = step["name"] or (orjson.loads(step["text"]) if step["text"] else step["number"])
        if isinstance(here, dict) and key in here:
            if step["number"]:
                yield key
            here = here[key]
        elif isinstance(here, list) and step["number"] and int(key) < len(here):
            here = here[int(key)]
        else:
            return
