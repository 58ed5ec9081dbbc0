"""JSON text as a policy is to get it, so that a compiled policy and OPA's own evaluator read the same from it."""

from __future__ import annotations

import re
from decimal import Decimal

_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL)
# One search each, for what a search begins with is found fastest when it is one character.
_ZEROS = re.compile(rb"\.[0-9]*0[,\]}\s]")
_EXPONENT = re.compile(rb"e[-+]?[0-9]+[,\]}\s]")
_CAPITAL = re.compile(rb"E[-+]?[0-9]+[,\]}\s]")
# A number is whole or it is left alone, so that text which is no JSON never becomes any.
_TOKEN = re.compile(
    rb'"(?:[^"\\]|\\.)*"|(?<![-+.\w])-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?![-+.\w])', re.DOTALL
)

_LARGEST_EXPONENT = 400
"""Enough for every float."""
_LONGEST_EXPONENT = 20
"""Characters. What is written with more is beyond any number, or says the same with zeros; it is left alone."""


def normal(text: bytes) -> bytes:
    r"""The same document, in which

    - no character is two escapes: OPA's parser in a compiled policy takes `\ud840\udc00`, U+20000, for U+10000;
    - no fraction ends in zeros: `2.0` is an index, a length, a number of bits to OPA, and none to a compiled policy;
    - no number of a float's size has an exponent: to a compiled policy the sets {1e16} and {10000000000000000} differ.
    """
    if b"\\" in text and (b"\\ud" in text or b"\\uD" in text):
        text = _ESCAPE.sub(_character, text)
    if _ZEROS.search(text) or _EXPONENT.search(text) or _CAPITAL.search(text):
        return _TOKEN.sub(_number, text)
    return text


def _character(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if len(found) == 2:
        return found
    return chr(0x10000 + ((int(found[2:6], 16) & 0x3FF) << 10) + (int(found[8:], 16) & 0x3FF)).encode()


def _number(match: re.Match[bytes]) -> bytes:
    found = match[0]
    if found.startswith(b'"') or found.isdigit():
        return found
    mantissa, _, exponent = found.lower().partition(b"e")
    if len(exponent) > _LONGEST_EXPONENT or (exponent and abs(int(exponent)) > _LARGEST_EXPONENT):
        return found
    plain = f"{Decimal(found.decode()):f}".encode() if exponent else mantissa
    if b"." in plain:
        plain = plain.rstrip(b"0").rstrip(b".")
    return plain if plain.strip(b"-0") else b"0"
