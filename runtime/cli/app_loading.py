"""From `--app module:attribute` to the application's own Runtime."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from licet.audit.errors import ConfigurationError, LicetError

if TYPE_CHECKING:
    from licet.runtime.runtime import Runtime


def load_runtime(app: str, database: str | None, policies: Path | None) -> Runtime:
    """The runtime that `app` names, looked for from the current directory.

    Args:
        app: such as `desk:runtime`.
        database: the journal the command was told to address, which must be the runtime's; None is any.
        policies: what to ask policy by, where the runtime does not say.

    Raises:
        ConfigurationError: it is not there, is no Runtime, or is over another journal.
    """
    from licet.audit.database import Database
    from licet.runtime.runtime import Runtime

    module_name, separator, attribute = app.partition(":")
    if not separator or not module_name or not attribute:
        raise ConfigurationError(f"--app {app}: write it as MODULE:ATTRIBUTE, such as desk:runtime")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = import_module(module_name)
    except LicetError as error:
        raise ConfigurationError(f"--app {app}: {error}") from error
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        where = f"from {folder}" if module_name.startswith(missing) else f"which {module_name} imports"
        raise ConfigurationError(f"--app {app}: there is no module {missing} ({where})") from error
    except Exception as error:
        # Only the kind: the text of a foreign exception may hold a secret.
        raise ConfigurationError(
            f"--app {app}: importing {module_name} failed with {type(error).__name__}; try `python -c"
            f' "import {module_name}"`'
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise ConfigurationError(f"--app {app}: {module_name} has no {attribute}")
        found = getattr(found, name)
    if not isinstance(found, Runtime):
        raise ConfigurationError(
            f"--app {app}: that is of type {type(found).__name__}; give a licet.Runtime, not yet started"
        )
    if database is not None and Database(database).path != Database(found.database).path:
        raise ConfigurationError(
            f"--app {app} keeps its journal in {found.database}, and the command addresses {database}"
            " (--database or LICET_DATABASE_URL); give the same, or leave it out"
        )
    if policies is not None:
        if found._policies is not None:
            raise ConfigurationError(
                f"--app {app} says itself what to ask policy by; leave out --policies and LICET_POLICIES"
            )
        found._policies = policies
    return found
