"""JSON text as a policy is to get it, so that a compiled policy and OPA's own evaluator read the same from it."""

from __future__ import annotations

import re

_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_ZEROS = re.compile(rb"\.[0-9]*0[,\]}\s]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9]+\.[0-9]+(?![0-9eE])', re.DOTALL)


def normal(text: bytes) -> bytes:
    r"""The same document, in which

    - no character is two escapes: OPA's parser in a compiled policy takes `\ud840\udc00`, U+20000, for U+10000;
    - no fraction ends in zeros: `2.0` is an index, a length, a number of bits to OPA, and none to a compiled policy.
    """
    if b"\\" in text and (b"\\ud" in text or b"\\uD" in text):
        text = _ESCAPE.sub(_character, text)
    return _TOKEN.sub(_number, text) if _ZEROS.search(text) else text


def _character(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if len(found) == 2:
        return found
    return chr(0x10000 + ((int(found[2:6], 16) & 0x3FF) << 10) + (int(found[8:], 16) & 0x3FF)).encode()


def _number(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found.startswith(b'"'):
        return found
    plain = found.rstrip(b"0").rstrip(b".")
    return b"0" if plain == b"-0" else plain
