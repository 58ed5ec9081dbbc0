"""The demo: a refund desk over a real shop, with an agent under control. `licet demo` runs it."""

from __future__ import annotations

import sys

from licet.audit.errors import ConfigurationError


def main(model: str | None = None) -> int:
    """Show the demo on standard output; it needs no input, no terminal and no key.

    Args:
        model: a real model, `provider:name`, in place of the scripted one. Its provider's key comes from the
            environment.

    Returns:
        0 when every scene ended as it should, 1 when one did not, 2 when the model or the folder cannot be
        used.
    """
    try:
        from licet.runtime.demo.home import Home
        from licet.runtime.demo.show import show

        return show(Home.here(), model)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("pydantic_ai", "genai_prices"):
            raise
        print("The demo's agent needs the models extra. Run: pip install 'licet[models]'", file=sys.stderr)  # noqa: T201
        return ConfigurationError.exit_code
    except ConfigurationError as error:
        print(f"licet demo: {error}", file=sys.stderr)  # noqa: T201
        return ConfigurationError.exit_code
