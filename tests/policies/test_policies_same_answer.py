"""The same question gets the same answer in this process and from OPA itself."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from asking import INPUT, changed, decide
from test_policies_compose import FOUR_EYES, LAX, LIMIT

from licet.policies import PolicyEngine, library, load
from licet.policies.decision import decided
from licet.policies.library import Sources

CORPUS: list[dict[str, Any]] = [
    INPUT,
    {},
    *(changed("tool.effect", effect) for effect in ("read", "irreversible", "x", "", None, 1)),
    *(changed("workflow.mode", mode) for mode in ("observe", "suggest", "live", None)),
    *(changed("workflow.risk", risk) for risk in ("medium", "high", "none")),
    *(
        changed("allowance", {"listed": listed, "within": within, "unattended": unattended})
        for listed in (True, False, 1, "true")
        for within in (True, False)
        for unattended in (True, False)
    ),
    *(
        changed("call.args", {"amount": amount})
        for amount in (0, 100, 100.01, 2**63, -1, "100", None, [], {})
    ),
    changed("call.args", {"text": 'naïve \u2028 \u0000 𝄞 "\\', "deep": [[[{}]]]}),
    changed("call.provenance", {"/a": {"role": "target", "kind": None, "labels": ["x", 1], "sources": []}}),
    changed("run.calls", []),
    changed("run.remaining.usd", 0.1),
    changed("tool.tags", []),
    *({key: value for key, value in INPUT.items() if key != left_out} for left_out in INPUT),
]


def ask_opa(sources: Sources, real_opa: Path, tmp_path: Path) -> list[object]:
    """What OPA's own evaluator says of the corpus."""
    for name, content in sources.files.items():
        (tmp_path / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "bundle" / name).write_bytes(content)
    files = []
    for number, document in enumerate(CORPUS):
        (tmp_path / f"{number:03}.json").write_bytes(orjson.dumps(document))
        files.append(f"{number:03}.json")
    done = subprocess.run(
        [real_opa, "exec", "--decision", "licet/decision", "--bundle", "bundle", *files],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    answers = {answer["path"]: answer["result"] for answer in orjson.loads(done.stdout)["result"]}
    return [answers[file] for file in files]


def compare(engine: PolicyEngine, answers: list[object]) -> None:
    allowed = 0
    for document, answer in zip(CORPUS, answers, strict=True):
        ours = asyncio.run(decide(engine, document))
        theirs = decided(answer, decision_id="d-1", revision=engine.revision, engine=engine.name)
        assert ours == theirs, document
        assert ours.cause is None
        allowed += ours.allow
    assert 5 < allowed < len(CORPUS) - 5


def test_the_shipped_policy(real_opa: Path, shipped: PolicyEngine, tmp_path: Path) -> None:
    compare(shipped, ask_opa(library.shipped(), real_opa, tmp_path))


def test_with_packages_of_the_users(real_opa: Path, folder: Callable[..., Path], tmp_path: Path) -> None:
    place = folder(limits=LIMIT, four_eyes=FOUR_EYES, lax=LAX, data_dot_json='{"limits": {"most": 100}}')
    engine = load(place)
    compare(engine, ask_opa(library.with_folder(place), real_opa, tmp_path))
