"""Builtins that give nothing for some arguments, and when what they are called with excludes it."""

from __future__ import annotations

from licet.policies.syntax import Node

PARTIAL = frozenset({
    "base64.decode", "base64url.decode", "bits.and", "bits.lsh", "bits.negate", "bits.or", "bits.rsh", "bits.xor",
    "glob.match", "hex.decode", "indexof_n", "io.jwt.decode", "json.patch", "json.unmarshal", "max", "min",
    "net.cidr_contains", "net.cidr_contains_matches", "net.cidr_expand", "net.cidr_intersects", "net.cidr_merge",
    "numbers.range", "numbers.range_step", "semver.compare", "strings.render_template", "substring",
    "time.add_date", "time.clock", "time.date", "time.diff", "time.format", "time.parse_duration_ns",
    "time.parse_ns", "time.parse_rfc3339_ns", "time.weekday", "to_number", "units.parse", "units.parse_bytes",
    "urlquery.decode", "urlquery.decode_object", "uuid.parse", "yaml.unmarshal",
})  # fmt: skip
"""Builtins that give nothing for some arguments of the right type: what is no number, no address, no JSON, empty."""

UNLESS_CONSTANT = {
    "div": 1, "rem": 1, "regex.match": 0, "regex.find_n": 0, "regex.split": 0, "regex.replace": 1,
    "regex.find_all_string_submatch_n": 0, "regex.template_match": 0, "regex.globs_match": 0,
}  # fmt: skip
"""Builtins that give nothing for some values of one argument, by which one it is: a divisor, a pattern."""

SPELLED = {"div": "/", "rem": "%"}
"""How a policy writes a builtin that has a sign."""


def may_fail(name: str, arguments: list[Node]) -> bool:
    """Whether a builtin may give nothing for these arguments."""
    if name in PARTIAL:
        return not all(constant(argument) for argument in arguments)
    decisive = UNLESS_CONSTANT.get(name)
    if decisive is None or decisive >= len(arguments):
        return False
    argument = arguments[decisive]
    zero: bool = name in SPELLED and argument["value"] == 0
    return zero or not constant(argument)


def constant(term: Node) -> bool:
    """Whether a term is written out: no variable, reference or call in it."""
    if term["type"] in ("array", "set"):
        return all(constant(item) for item in term["value"])
    if term["type"] == "object":
        return all(constant(item) for pair in term["value"] for item in pair)
    return term["type"] in ("string", "number", "boolean", "null")
