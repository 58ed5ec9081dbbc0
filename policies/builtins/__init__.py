"""The builtins that a compiled policy asks of its host, each exactly as OPA 1.22 has it.

They are pure: none reads a clock, the network or the environment. docs/builtins.md says which are left out, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from licet.policies.builtins import networks, numbers, objects, strings, times
from licet.policies.builtins.go_format import sprintf
from licet.policies.builtins.values import Builtin

BUILTINS: Mapping[str, Builtin] = MappingProxyType(
    strings.BUILTINS
    | numbers.BUILTINS
    | objects.BUILTINS
    | networks.BUILTINS
    | times.BUILTINS
    | {"sprintf": sprintf}
)
"""What a policy may call beside what is compiled into it, by name."""

OVER_BYTES = frozenset(
    {
        "base64url.encode_no_pad",
        "hex.encode",
        "urlquery.encode",
        *(name for name in BUILTINS if name.startswith("crypto.")),
    }
)
"""Those of them that take strings that are no UTF-8, such as what base64.decode may give."""
