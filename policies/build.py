"""`python -m licet.policies.build`: make what is derived from the Rego and from OPA.

Those are `capabilities.json`, the shipped `bundle.tar.gz`, and with `--also FOLDER BUNDLE` the bundle of a
folder of Rego that adds to the shipped library. With `--check` nothing is written, and a file that differs
from what would be is an error. It takes `opa` in the pinned version: another may compile to other bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from licet.audit.errors import LicetError
from licet.policies import opa_program, toolchain
from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.capabilities import derive
from licet.policies.library import CAPABILITIES, shipped, with_folder


def main() -> int:
    """Build or check. Returns the exit code: 0, 1 when a file differs, 2 when it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m licet.policies.build", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file differs by a byte"
    )
    parser.add_argument(
        "--also",
        action="append",
        nargs=2,
        type=Path,
        default=[],
        metavar=("FOLDER", "BUNDLE"),
        help="the bundle of a folder of Rego that adds to the shipped library; may be given several times",
    )
    options = parser.parse_args()
    try:
        for tool in (opa_program.Program(opa_program.find()), toolchain.find()):
            if (found := tool.version()) != opa_program.PINNED:
                print(
                    f"opa is {found}, and the shipped bundle is built with {opa_program.PINNED}",
                    file=sys.stderr,
                )
                return 2
        makers: list[tuple[Path, Callable[[], bytes]]] = [(CAPABILITIES, derive)]
        makers.append((SHIPPED, partial(toolchain.build, shipped())))
        makers += [(path, partial(toolchain.build, with_folder(folder))) for folder, path in options.also]
        differs = False
        for path, make in makers:
            made = make()
            if path.is_file() and path.read_bytes() == made:
                continue
            if options.check:
                differs = True
                print(f"{path} differs from what is built; run `make bundle`", file=sys.stderr)
            else:
                path.write_bytes(made)
                print(f"wrote {path} ({len(made)} bytes)")
        if not differs:
            print(f"the bundle is revision {Bundle.unpack(SHIPPED.read_bytes()).revision}")
        return int(differs)
    except LicetError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
