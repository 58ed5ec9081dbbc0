"""Arguments to try each builtin with: mostly of its kind, some at its edges, some of no use at all."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Rows = SearchStrategy[tuple[Any, ...]]

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LETTERS = st.text('aAbB01-+.: /é𝄞\\"%_', max_size=10)
TEXT = (
    WORDS
    | LETTERS
    | st.sampled_from(["", "a", "aa", "ab", "naïve", "\u0000", "\u2028", "𝄞x", "%41", "a+b", "\ufeff"])
)
INTEGERS = (
    st.integers(-5, 300)
    | st.integers()
    | st.sampled_from([2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64, 10**30])
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [0.0, -0.0, 1.5, 100.0, 1e6, 1e20, 1e21, 1e22, 1e-5, 123456789.0, 2.5, 0.125, 1e300, 5e-324, 1e100]
)
NUMBERS = INTEGERS | FLOATS
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
ODD = st.none() | st.booleans() | st.integers(0, 3) | st.lists(st.integers(0, 2), max_size=2)


def mostly(usual: SearchStrategy[Any], other: SearchStrategy[Any] = ODD) -> SearchStrategy[Any]:
    """Of nine in ten the usual kind."""
    return st.integers(0, 9).flatmap(lambda number: usual if number else other)


def rows(*parts: SearchStrategy[Any]) -> Rows:
    return st.tuples(*(mostly(part) for part in parts))


VERB = st.builds(
    "%{}{}{}{}{}".format,
    st.sampled_from(["", "", "", "+", "-", "#", " ", "0", "+0", "-0", "# ", "#+", "+-", "0#"]),
    st.sampled_from(["", "", "", "", "[1]", "[2]", "[3]", "[x]", "[", "[0]"]),
    st.sampled_from(["", "", "", "1", "8", "20", "*", "9999999", "[2]*"]),
    st.sampled_from(["", "", "", ".", ".0", ".1", ".3", ".12", ".*", ".[1]*", ".20"]),
    st.sampled_from([*"ddddssssvvvvqxXobOcUeEfFgGtTp%w!y", "é", ""]),
)
FORMATS = st.lists(VERB | st.sampled_from(["", " ", "a", "é", ": "]), max_size=3).map("".join) | TEXT
SPRINTF = rows(FORMATS, st.lists(VALUES | NUMBERS | TEXT, max_size=3))

VERSION_PARTS = st.sampled_from(
    ["0", "1", "2", "10", "01", "", "9223372036854775807", "9223372036854775808", "a", "-1"]
)
RELEASES = st.sampled_from(
    ["", "-a", "-1", "-a.b", "-a.1", "-a.2", "-a.10", "-01", "-0", "-", "-a..b", "-A", "-rc.1-x", "--"]
)
BUILDS = st.sampled_from(["", "", "", "+b", "+b.1", "+", "+01", "+b+c", "+é"])
VERSIONS = st.builds(
    "{}{}.{}.{}{}{}".format,
    st.sampled_from(["", "", "", "v", "V", " "]),
    *[VERSION_PARTS | st.sampled_from("0123")] * 3,
    RELEASES,
    BUILDS,
) | st.builds("1.2.{}{}".format, st.integers(0, 2), RELEASES)

AMOUNTS = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "", "-", "+", '"', " "]),
    st.integers(0, 10**22).map(str)
    | st.decimals(0, 10**6, places=3).map(str)
    | st.sampled_from(
        ["", ".5", "5.", ".", "1.2.3", "00012", "1e3", "1E-3", "2e", "1e+", "12e400", "1e1000000", "0"]
    ),
    st.sampled_from(["", "", "e2", "E3", "e-2", "e-30"]),
    st.sampled_from(
        [
            "",
            "m",
            "M",
            "k",
            "K",
            "Ki",
            "ki",
            "KI",
            "kb",
            "KiB",
            "mb",
            "Mi",
            "MIB",
            "g",
            "Gi",
            "gb",
            "t",
            "TiB",
            "P",
            "pi",
            "e",
            "E",
            "Ei",
            "EIB",
            "x",
            "bytes",
            '"',
            "i",
            "kK",
        ]
    ),
)

OCTETS = st.sampled_from([0, 1, 10, 127, 128, 192, 224, 255, 256]) | st.integers(0, 255)
IPV4 = st.lists(OCTETS, min_size=4, max_size=4).map(lambda parts: ".".join(map(str, parts)))
NEAR = st.integers(0, 40).map(lambda last: f"10.0.0.{last}") | st.integers(250, 255).map(
    lambda last: f"10.0.0.{last}"
)
GROUPS = st.sampled_from(["", "0", "1", "ffff", "FE80", "00ab", "12345", "2001", "db8", "g"])
IPV6 = (
    st.lists(GROUPS, min_size=1, max_size=8).map(":".join)
    | st.builds("2001:db8::{:x}".format, st.integers(0, 2**16 - 1))
    | st.sampled_from(
        ["::", "::1", "fe80::1", "fe80::1%eth0", "::ffff:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:7::", "1::2::3"]
    )
)
LENGTHS = st.integers(0, 33) | st.integers(20, 32) | st.integers(96, 129)
CIDRS = st.one_of(
    st.builds("{}/{}".format, NEAR, st.integers(22, 32)),
    st.builds("{}/{}".format, IPV4, LENGTHS),
    st.builds("{}/{}".format, IPV6, LENGTHS),
    st.sampled_from(
        ["1.2.3.4/", "1.2.3.4/08", "1.2.3.4/+8", "01.2.3.4/8", "1.2.3/8", "/8", "", "1.2.3.4/8/8", "a/8"]
    ),
)
SMALL_CIDRS = st.builds("{}/{}".format, NEAR | IPV4, st.integers(26, 34)) | st.builds(
    "{}/{}".format, IPV6, st.integers(120, 129)
)
HOSTS = CIDRS | IPV4 | NEAR | IPV6
SOUND = (
    st.builds("{}/{}".format, NEAR, st.integers(22, 32))
    | st.builds("{}/{}".format, IPV4, st.integers(0, 32))
    | st.builds("2001:db8::{:x}/{}".format, st.integers(0, 64), st.integers(110, 128))
    | NEAR
)
CIDR_SETS = mostly(st.lists(HOSTS, max_size=3)) | st.dictionaries(WORDS, SOUND, max_size=3) | SOUND

UUIDS = st.uuids().map(str) | st.uuids().map(lambda one: one.hex)
MARKED_UUIDS = st.tuples(UUIDS, st.sampled_from("12345678")).map(
    lambda pair: pair[0][:14] + pair[1] + pair[0][15:] if len(pair[0]) == 36 else pair[0]
)
ALL_UUIDS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "", "", "urn:uuid:", "URN:UUID:", "{", "x"]),
    MARKED_UUIDS,
    st.sampled_from(["", "", "", "}", "y", "0"]),
)

VERTICES = st.sampled_from(["a", "b", "c", "d"])
GRAPHS = st.dictionaries(VERTICES, mostly(st.lists(VERTICES | st.just("z"), max_size=3)), max_size=4)

MEMBERS = st.sampled_from([1, 1.0, 2, "a", "b", None, True, [], [1], {}, {"a": 1}])
NESTED = st.recursive(
    MEMBERS | st.lists(MEMBERS, max_size=4),
    lambda inner: st.dictionaries(VERTICES, inner, max_size=3),
    max_leaves=5,
)

NANOSECONDS = (
    st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2 * 10**18)
    | st.integers(1_700_000_000, 1_800_000_000).map(lambda seconds: seconds * 10**9)
    | st.integers(0, 2 * 10**18)
    | st.sampled_from([0, -1, 2**63, -(2**63) - 1, 1.5, 1e18, 10**400])
)
ZONES = st.sampled_from(
    [
        "",
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Pacific/Apia",
        "America/St_Johns",
        "Asia/Pyongyang",
        "Europe/Dublin",
        "Antarctica/Troll",
        "Africa/Monrovia",
        "Etc/GMT+3",
        "EST5EDT",
        "Nowhere/None",
        "Europe",
        "../UTC",
        "/etc/localtime",
        "zone.tab",
        "Europe/Berlin/",
    ]
)
LAYOUT_PARTS = st.sampled_from(
    [
        "2006",
        "06",
        "01",
        "1",
        "Jan",
        "January",
        "02",
        "2",
        "_2",
        "__2",
        "002",
        "15",
        "03",
        "3",
        "04",
        "4",
        "05",
        "5",
        "PM",
        "pm",
        "Mon",
        "Monday",
        "MST",
        "Z07:00",
        "Z0700",
        "Z07",
        "Z070000",
        "Z07:00:00",
        "-07:00",
        "-0700",
        "-07",
        "-070000",
        "-07:00:00",
        ".000",
        ".999",
        ",000000",
        ".999999999",
        ".0000000000",
        "_2006",
        " ",
        "T",
        "-",
        ":",
        "/",
        "é",
        "Janet",
        "Monk",
        "7",
        ".",
        "0",
    ]
)
LAYOUTS = st.sampled_from(
    [
        "",
        "ANSIC",
        "UnixDate",
        "RubyDate",
        "RFC822",
        "RFC822Z",
        "RFC850",
        "RFC1123",
        "RFC1123Z",
        "RFC3339",
        "RFC3339Nano",
        "2006-01-02",
        "15:04",
        "Monday 15h",
        "2006-01-02 15:04:05.000 MST",
    ]
) | st.lists(LAYOUT_PARTS, max_size=5).map("".join)
GOOD_ZONES = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
)
TIMES = (
    NANOSECONDS
    | st.tuples(NANOSECONDS, GOOD_ZONES).map(list)
    | st.tuples(NANOSECONDS, ZONES).map(list)
    | st.tuples(NANOSECONDS, ZONES, LAYOUTS).map(list)
)

RECENT = st.dates(date(1677, 9, 1), date(2262, 5, 1)).map(str)
DATES = st.builds(
    "{:04}-{:02}-{:02}".format,
    st.integers(1600, 2300) | st.integers(2020, 2030),
    st.integers(0, 13),
    st.integers(0, 32),
)
HOURS = mostly(st.integers(0, 23), st.just(24))
SIXTIES = mostly(st.integers(0, 59), st.just(60))
RFC3339 = st.builds(
    "{}{}{:02}:{:02}:{:02}{}{}".format,
    mostly(RECENT, DATES),
    st.sampled_from([*"TTTTTTTT", " ", "t"]),
    HOURS,
    SIXTIES,
    SIXTIES,
    st.sampled_from(["", "", ".5", ".123456789", ",25", ".", ".1234567891234", ".000"]),
    st.sampled_from([*"ZZZZZ", "+02:00", "-05:30", "z", "", "+24:00", "+25:00", "-00:00", "+0200", "Zx"]),
)
PARSED = (
    st.tuples(st.sampled_from(["RFC3339", "RFC3339Nano", "2006-01-02T15:04:05Z07:00"]), RFC3339)
    | st.tuples(st.just("2006-01-02"), DATES)
    | st.tuples(
        st.sampled_from(["RFC1123", "RFC1123Z", "Mon, 02 Jan 2006 15:04:05 MST"]),
        st.builds(
            "{}, {} {} {} {}:{:02}:{:02} {}".format,
            st.sampled_from(["Mon", "tue", "Sunday", "xyz"]),
            st.integers(0, 32),
            st.sampled_from(["Jan", "FEB", "Dec", "Okt"]),
            st.integers(1990, 2040),
            st.integers(0, 24),
            st.integers(0, 59),
            st.integers(0, 59),
            st.sampled_from(["UTC", "GMT", "GMT+3", "GMT-11", "GMT+24", "+0200", "-0730", "utc", "G"]),
        ),
    )
    | st.tuples(
        st.sampled_from(["3:04PM", "3:04pm", "03:04PM", "15:04", "4:5", "3:04:05.000PM", "15:04:05,999"]),
        st.builds(
            "{}:{:02}{}{}".format,
            st.integers(0, 24),
            st.integers(0, 60),
            st.sampled_from(["", ":07", ":07.123", ":7", ":07,5"]),
            st.sampled_from(["AM", "PM", "am", "pm", ""]),
        ),
    )
    | st.tuples(
        st.sampled_from(["2006 002", "2006-__2", "2006 01 002", "06-002", "2006 02 002"]),
        st.builds(
            "{}{}{}".format,
            st.sampled_from(["2024", "2023", "24", "69", "68"]),
            st.sampled_from([" ", "-", " 02 ", " 29 "]),
            st.integers(0, 367).map(str)
            | st.integers(0, 367).map("{:03}".format)
            | st.integers(0, 99).map("{:3}".format),
        ),
    )
    | st.tuples(LAYOUTS, TEXT | RFC3339)
)
DURATIONS = st.lists(
    st.builds(
        "{}{}".format,
        st.integers(0, 400).map(str)
        | st.sampled_from(["1.5", ".5", "5.", ".", "1.2.3", "9223372036854775807", "0.333", "1e3"])
        | st.decimals(0, 10**4, places=9).map(str),
        st.sampled_from(["ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "w", "y", "x", "min", "H", ""]),
    ),
    max_size=4,
).map("".join).flatmap(
    lambda text: st.sampled_from(["", "", "", "-", "+", " "]).map(lambda sign: sign + text)
) | st.just("0")

STEPS = st.integers(-1, 9) | st.sampled_from([2**63, 1.5, 1e1, 1.0])
ONE_TEXT = rows(TEXT)
TWO_TEXTS = rows(TEXT, TEXT)
AFFIXES = rows(TEXT | st.lists(TEXT, max_size=3), TEXT | st.lists(TEXT, max_size=3))
SUBSETS = st.tuples(NESTED, NESTED) | st.tuples(st.lists(MEMBERS, max_size=4), st.lists(MEMBERS, max_size=2))

ARGUMENTS: dict[str, Rows] = {
    "base64url.encode_no_pad": ONE_TEXT,
    "crypto.hmac.equal": TWO_TEXTS | TEXT.map(lambda text: (text, text)),
    "crypto.hmac.md5": TWO_TEXTS,
    "crypto.hmac.sha1": TWO_TEXTS,
    "crypto.hmac.sha256": TWO_TEXTS,
    "crypto.hmac.sha512": TWO_TEXTS,
    "crypto.md5": ONE_TEXT,
    "crypto.sha1": ONE_TEXT,
    "crypto.sha256": ONE_TEXT,
    "glob.quote_meta": rows(st.text("a*?[]{}\\,!-é", max_size=8)),
    "graph.reachable_paths": rows(GRAPHS, st.lists(VERTICES, max_size=3)),
    "hex.decode": rows(
        st.binary(max_size=4).map(bytes.hex)
        | st.text("0aAfFg", max_size=4)
        | WORDS.map(lambda text: text.encode().hex())
    ),
    "hex.encode": ONE_TEXT,
    "indexof_n": rows(st.text("ab𝄞", max_size=9), st.text("ab𝄞", max_size=2)) | TWO_TEXTS,
    "net.cidr_contains_matches": rows(CIDR_SETS, CIDR_SETS),
    "net.cidr_expand": rows(SMALL_CIDRS),
    "net.cidr_is_valid": rows(CIDRS | IPV4),
    "net.cidr_merge": rows(st.lists(SOUND, max_size=6) | st.lists(HOSTS, max_size=2)),
    # Never far apart: OPA would make every element of the range.
    "numbers.range_step": st.sampled_from([0, 2**53, 2**63, 10**30]).flatmap(
        lambda base: st.tuples(*[st.integers(-30, 200).map(lambda by: base + by)] * 2, mostly(STEPS))
    )
    | st.tuples(*[st.sampled_from([1, 1.0, 1.5, 1e2, None, "1"])] * 2, STEPS),
    "object.subset": SUBSETS,
    "object.subset/sets": st.tuples(st.lists(MEMBERS, max_size=4), st.lists(MEMBERS, max_size=3)),
    "object.subset/array and set": st.tuples(st.lists(MEMBERS, max_size=4), st.lists(MEMBERS, max_size=3)),
    "semver.compare": rows(VERSIONS, VERSIONS) | st.tuples(VERSIONS).map(lambda one: (one[0], one[0])),
    "semver.is_valid": rows(VERSIONS),
    "sprintf": SPRINTF,
    "strings.any_prefix_match": AFFIXES,
    "strings.any_suffix_match": AFFIXES,
    "strings.count": rows(st.text("ab𝄞", max_size=9), st.text("ab𝄞", max_size=2)),
    "strings.split_n": rows(
        st.text("ab𝄞", max_size=9), st.text("ab𝄞", max_size=2), st.integers(-4, 4) | INTEGERS
    ),
    "time.add_date": st.tuples(TIMES, *[st.integers(-40, 40)] * 3)
    | rows(TIMES, *[st.integers(-40, 40) | st.sampled_from([1.0, 1.5, 2**63, 10**6])] * 3),
    "time.clock": rows(TIMES),
    "time.date": rows(TIMES),
    "time.diff": st.tuples(TIMES, TIMES),
    "time.format": rows(TIMES),
    "time.parse_duration_ns": rows(DURATIONS),
    "time.parse_ns": PARSED,
    "time.parse_rfc3339_ns": rows(RFC3339),
    "time.weekday": rows(TIMES),
    "units.parse": rows(AMOUNTS),
    "units.parse_bytes": rows(AMOUNTS),
    "urlquery.decode": rows(st.text("a+%4c1 é", max_size=9) | TEXT),
    "urlquery.encode": ONE_TEXT,
    "uuid.parse": rows(ALL_UUIDS),
}
"""By builtin. After a slash stands a way of calling it."""

SETS = {"object.subset/sets": (0, 1), "object.subset/array and set": (1,)}
"""Which arguments are made sets, for JSON has none."""
