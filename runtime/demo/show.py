"""The show: a fresh shop and journal, one scene after the other, and whether each ended as it should."""

from __future__ import annotations

import asyncio
import time

from licet.runtime.demo import desk
from licet.runtime.demo.home import Home, url
from licet.runtime.demo.outbox import Outbox
from licet.runtime.demo.scenes import SCENES, NotAsItShould, Stage
from licet.runtime.demo.screen import Screen
from licet.runtime.demo.shop import Shop


def show(home: Home, model: str | None) -> int:
    """Run every scene; 0 when each ended as it should, 1 otherwise.

    Raises:
        ConfigurationError: the folder or the model cannot be used. Nothing was removed for a model.
    """
    begun = time.monotonic()
    with home.entered(model):
        desk.open_desk()  # says now, before anything is removed, that a model cannot be had
        home.start_afresh()
        stage = Stage(home, Screen(), model, Shop.build(home.shop), Outbox(home.maildir))
        _open(stage)
        for number, (title, scene) in enumerate(SCENES, 1):
            stage.screen.scene(number, title)
            try:
                stage.screen.passed(asyncio.run(scene(stage)))
            except NotAsItShould as error:
                stage.failed.append(f"{number} ({title})")
                stage.screen.failed(str(error))
            except Exception as error:
                # One scene that breaks must not hide how the others end.
                stage.failed.append(f"{number} ({title})")
                stage.screen.failed(f"{type(error).__name__}: {error}")
    _close(stage, time.monotonic() - begun)
    return 1 if stage.failed else 0


def _open(stage: Stage) -> None:
    counts = stage.shop.counts()
    who = stage.model or "a scripted clerk, so that no key is needed"
    stage.screen.title(
        "Licet: a refund desk under control",
        f"A shop with {counts['customers']:,} customers, {counts['orders']:,} orders and"
        f" {counts['payments']:,} payments"
        f" in {stage.home.shop}. The agent is {who}.",
    )


def _close(stage: Stage, seconds: float) -> None:
    home = stage.home
    stage.screen.list(
        "What is left to look at",
        (
            ("the journal", str(home.journal)),
            ("the changed copy", str(home.tampered)),
            ("the shop", str(home.shop)),
            ("the mail", str(home.maildir)),
            ("to go on", f"licet runs list --database {url(home.journal)}"),
        ),
    )
    stage.screen.say("")
    if stage.failed:
        stage.screen.failed(f"Did not end as they should: {', '.join(stage.failed)}.")
    else:
        stage.screen.passed(f"All {len(SCENES)} scenes ended as they should, in {seconds:.0f} seconds.")
