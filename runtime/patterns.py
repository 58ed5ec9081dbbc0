"""Regular expressions that cannot run away.

They are matched by the engine that pydantic carries, Rust's `regex`, whose time is linear in the text by
construction. Look-around and backreferences do not exist there, and are refused when the pattern is declared.
"""

from __future__ import annotations

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

PATTERN_LIMIT = 1_000
"""Longest regular expression, in characters."""

MATCHED_LIMIT = 10_000
"""Longest text that is matched, in characters; longer text is outside."""


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, strict=True, regex_engine="rust-regex"))


def _whole(pattern: str) -> SchemaValidator:
    return _compiled(rf"\A(?:{pattern})\z")


def regex(pattern: str) -> str:
    """`pattern`, when it is a regular expression that can be matched in linear time.

    Raises:
        ValueError: it is not, with what the engine says of it.
    """
    if len(pattern) > PATTERN_LIMIT:
        raise ValueError(f"is longer than {PATTERN_LIMIT} characters")
    try:
        # Alone first: `a)|(b` is no expression, but would become one between the anchors' parentheses.
        _compiled(pattern)
        _whole(pattern)
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip().removeprefix("error: ")
        raise ValueError(f"is not a usable regular expression: {reason}") from None
    return pattern


def fits_whole(pattern: str, text: str) -> bool:
    """Whether `pattern`, one that `regex` let pass, matches all of `text`, which is not over-long."""
    return len(text) <= MATCHED_LIMIT and _whole(pattern).isinstance_python(text)


def searches(pattern: str, text: str) -> bool:
    """Whether `pattern`, one that `regex` let pass, matches somewhere in `text`, which is not over-long."""
    return len(text) <= MATCHED_LIMIT and _compiled(pattern).isinstance_python(text)
