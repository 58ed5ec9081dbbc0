"""Where the demo keeps what it makes, and how its processes are told of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from licet.approvals.keys import KEY_VARIABLE
from licet.audit.errors import ConfigurationError

HOME_VARIABLE = "LICET_DEMO_HOME"
"""Names the demo's folder; by default `.licet-demo` in the working directory."""

MODEL_VARIABLE = "LICET_DEMO_MODEL"
"""A real model, `provider:name`, in place of the scripted one."""

MARK = "made-by-licet-demo"
"""A file that says that everything beside it is the demo's own, and may be removed by it."""


@dataclass(frozen=True)
class Home:
    """The demo's folder and what stands in it."""

    root: Path

    @classmethod
    def here(cls) -> Home:
        """The folder that `LICET_DEMO_HOME` names, else `.licet-demo` in the working directory."""
        return cls(Path(os.environ.get(HOME_VARIABLE) or ".licet-demo"))

    @property
    def shop(self) -> Path:
        """The shop's database."""
        return self.root / "shop.db"

    @property
    def maildir(self) -> Path:
        """Where mail goes."""
        return self.root / "maildir"

    @property
    def journal(self) -> Path:
        """The journal's file."""
        return self.root / "licet.db"

    @property
    def tampered(self) -> Path:
        """The copy of the journal in which a byte is changed."""
        return self.root / "tampered.db"

    @property
    def database(self) -> str:
        """The journal's URL."""
        return url(self.journal)

    def start_afresh(self) -> None:
        """Remove what an earlier demo made here, and nothing else.

        Raises:
            ConfigurationError: the folder holds something that no demo made, or cannot be written.
        """
        mark = self.root / MARK
        if self.root.is_symlink() or (self.root.exists() and not self.root.is_dir()):
            raise ConfigurationError(f"{self.root} is not a folder; move it away, or set {HOME_VARIABLE}")
        try:
            if self.root.exists() and any(self.root.iterdir()) and not mark.is_file():
                raise ConfigurationError(
                    f"{self.root} holds files that the demo did not make; move them away, or set"
                    f" {HOME_VARIABLE}"
                )
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark.touch()
            for folder in (self.maildir, self.root / "keys", self.root / "cache"):
                if folder.is_dir() and not folder.is_symlink():
                    shutil.rmtree(folder)
            for database in (self.shop, self.journal, self.tampered):
                for suffix in ("", "-wal", "-shm", "-journal"):
                    database.with_name(database.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigurationError(f"cannot use {self.root}: {error.strerror or error}") from None

    def environment(self, model: str | None = None) -> dict[str, str]:
        """The environment of the demo's processes: its own keys and caches, and no setting of the user's."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LICET_")}
        root = self.root.resolve()
        kept[HOME_VARIABLE] = str(root)
        kept["LICET_CACHE_DIR"] = str(root / "cache")
        kept[KEY_VARIABLE] = str(root / "keys" / "approval.key")
        if model is not None:
            kept[MODEL_VARIABLE] = model
        return kept

    @contextmanager
    def entered(self, model: str | None = None) -> Iterator[None]:
        """This process in the demo's environment, and back in its own afterwards."""
        before = dict(os.environ)
        try:
            self._become(self.environment(model))
            yield
        finally:
            self._become(before)

    @staticmethod
    def _become(environment: dict[str, str]) -> None:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


def url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"
