"""Characters beyond U+FFFF that JSON text writes as two escapes, which a compiled policy reads wrongly."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL)


def without_pairs(text: bytes) -> bytes:
    """JSON text with each escaped surrogate pair as the character it stands for.

    OPA's parser in a compiled policy takes such a pair for another character: U+20000 becomes U+10000.
    """

    def plain(match: re.Match[bytes]) -> bytes:
        found = match[0]
        if len(found) == 2:
            return found
        return chr(0x10000 + ((int(found[2:6], 16) & 0x3FF) << 10) + (int(found[8:], 16) & 0x3FF)).encode()

    return _ESCAPE.sub(plain, text)
