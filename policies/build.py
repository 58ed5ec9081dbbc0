"""`python -m licet.policies.build`: make what is derived from the Rego and from OPA.

Those are `capabilities.json` and the shipped `bundle.tar.gz`. With `--check` nothing is written, and a file
that differs from what would be is an error. It takes `opa` in the pinned version: another may compile to
other bytes.
"""

from __future__ import annotations

import argparse
import sys

from licet.audit.errors import LicetError
from licet.policies import opa
from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.capabilities import derive
from licet.policies.library import CAPABILITIES, shipped


def main() -> int:
    """Build or check. Returns the exit code: 0, 1 when a file differs, 2 when it cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m licet.policies.build", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file differs by a byte"
    )
    check = parser.parse_args().check
    try:
        if (found := opa.version()) != opa.PINNED:
            print(f"opa is {found}, and the shipped bundle is built with {opa.PINNED}", file=sys.stderr)
            return 2
        differs = False
        for path, make in ((CAPABILITIES, derive), (SHIPPED, lambda: opa.build(shipped()))):
            made = make()
            if path.is_file() and path.read_bytes() == made:
                continue
            if check:
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
