"""`sprintf` as OPA gives it, which is Go's `fmt.Sprintf` over int64, *big.Int, float64 and string.

After Go 1.26's fmt/print.go, fmt/format.go and math/big/intconv.go.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

from licet.policies.builtins.go_floats import float_text, with_point
from licet.policies.builtins.go_text import quote, show
from licet.policies.builtins.printable import is_printable
from licet.policies.builtins.values import Number, Stop, Undefined, Value, Work, bounded, go_int, text


@dataclass(frozen=True, slots=True)
class _Big:
    """An integer beyond 64 bits."""

    value: int


_Argument: TypeAlias = int | _Big | float | str

_MOST_WIDTH = 1_000_000


def sprintf(form: Value, values: Value) -> Value:
    """`sprintf(format, values)`."""
    layout = text(form)
    if type(values) is not tuple:
        raise Undefined
    work = Work()
    printer = _Printer([_argument(value, work) for value in values])
    printer.run(layout)
    return "".join(printer.out)


def _argument(value: Value, work: Work) -> _Argument:
    if type(value) is str:
        return value
    if type(value) is not Number:
        return show(value)
    written = value.text
    if any(mark in written for mark in ".eE"):
        found = float(written)
        return written if found in (float("inf"), float("-inf")) else found
    small = go_int(written)
    work.take((len(written) // 50) ** 2 // 20)  # reading an integer takes the square of its length
    if small is None and len(written) > _MOST_DIGITS:
        raise Stop("an integer has too many digits")
    return _Big(int(written)) if small is None else small


_MOST_DIGITS = 4_300
"""Python reads and writes no longer integers."""


@dataclass(slots=True)
class _Flags:
    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    plus_v: bool = False
    sharp_v: bool = False
    width: int | None = None
    precision: int | None = None


class _Printer:
    def __init__(self, arguments: list[_Argument]) -> None:
        self.out: list[str] = []
        self._written = 0
        self._arguments = arguments
        self._flags = _Flags()
        self._next = 0
        self._reordered = False
        self._good = True

    def _put(self, string: str) -> None:
        self._written += len(string)
        bounded(self._written // 50)
        self.out.append(string)

    def run(self, layout: str) -> None:
        place, end = 0, len(layout)
        while place < end:
            verb_at = layout.find("%", place)
            if verb_at < 0:
                self._put(layout[place:])
                break
            self._put(layout[place:verb_at])
            place = self._verb(layout, verb_at + 1)
        if not self._reordered and self._next < len(self._arguments):
            self._extra()

    def _verb(self, layout: str, place: int) -> int:
        self._flags = flags = _Flags()
        self._good = True
        end = len(layout)
        while place < end and layout[place] in "#0+- ":
            name = {"#": "sharp", "0": "zero", "+": "plus", "-": "minus", " ": "space"}[layout[place]]
            setattr(flags, name, True)
            place += 1
        place, indexed = self._index(layout, place)
        if place < end and layout[place] == "*":
            place += 1
            flags.width = self._star()
            if flags.width is None:
                self._put("%!(BADWIDTH)")
            elif flags.width < 0:
                flags.width, flags.minus, flags.zero = -flags.width, True, False
            indexed = False
        else:
            flags.width, place = _digits(layout, place)
            if indexed and flags.width is not None:
                self._good = False
        if place + 1 < end and layout[place] == ".":
            place += 1
            if indexed:
                self._good = False
            place, indexed = self._index(layout, place)
            if place < end and layout[place] == "*":
                place += 1
                found = self._star()
                flags.precision = None if found is None or found < 0 else found
                if flags.precision is None:
                    self._put("%!(BADPREC)")
                indexed = False
            else:
                found, place = _digits(layout, place)
                flags.precision = found or 0
        if not indexed:
            place, indexed = self._index(layout, place)
        if place >= end:
            self._put("%!(NOVERB)")
            return end
        self._act(layout[place])
        return place + 1

    def _act(self, verb: str) -> None:
        if verb == "%":
            self._put("%")
        elif not self._good:
            self._put(f"%!{verb}(BADINDEX)")
        elif self._next >= len(self._arguments):
            self._put(f"%!{verb}(MISSING)")
        else:
            flags = self._flags
            if verb in "vw":
                flags.sharp_v, flags.sharp = flags.sharp, False
                flags.plus_v, flags.plus = flags.plus, False
            self._print(self._arguments[self._next], verb)
            self._next += 1

    def _index(self, layout: str, place: int) -> tuple[int, bool]:
        if place >= len(layout) or layout[place] != "[":
            return place, False
        self._reordered = True
        close = layout.find("]", place + 1) if len(layout) - place >= 3 else -1
        if close < 0:
            self._good = False
            return place + 1, False
        found, stopped = _digits(layout, place + 1, close)
        if found is None or stopped != close:
            self._good = False
            return close + 1, False
        if 1 <= found <= len(self._arguments):
            self._next = found - 1
        else:
            self._good = False
        return close + 1, True

    def _star(self) -> int | None:
        if self._next >= len(self._arguments):
            return None
        found = self._arguments[self._next]
        self._next += 1
        return found if type(found) is int and abs(found) <= _MOST_WIDTH else None

    def _extra(self) -> None:
        self._flags = _Flags()
        self._put("%!(EXTRA ")
        for number, argument in enumerate(self._arguments[self._next :]):
            self._put(", " if number else "")
            self._put(_type(argument) + "=")
            self._print(argument, "v")
        self._put(")")

    def _bad(self, argument: _Argument, verb: str) -> None:
        if type(argument) is _Big:
            raise Stop(f"%{verb} of an integer beyond 64 bits has no fixed form")
        self._put(f"%!{verb}({_type(argument)}=")
        self._print(argument, "v")
        self._put(")")

    def _print(self, argument: _Argument, verb: str) -> None:
        if verb == "T":
            self._pad(self._cut(_type(argument)))
        elif verb == "p":
            self._bad(argument, verb)
        elif type(argument) is int:
            self._integer(argument, verb)
        elif type(argument) is float:
            self._float(argument, verb)
        elif type(argument) is _Big:
            self._big(argument, verb)
        else:
            self._string(str(argument), verb)

    def _pad(self, string: str) -> None:
        flags = self._flags
        missing = "" if flags.width is None else self._padding(flags.width - len(string))
        self._put(string + missing if flags.minus else missing + string)

    def _padding(self, count: int) -> str:
        return ("0" if self._flags.zero and not self._flags.minus else " ") * max(count, 0)

    def _pad_blank(self, string: str) -> None:
        before, self._flags.zero = self._flags.zero, False
        self._pad(string)
        self._flags.zero = before

    def _cut(self, string: str) -> str:
        return string if self._flags.precision is None else string[: self._flags.precision]

    def _string(self, string: str, verb: str) -> None:
        flags = self._flags
        if verb in "xX":
            self._hex(string.encode(), verb)
        elif verb == "q" or (verb == "v" and flags.sharp_v):
            string = self._cut(string)
            plain = flags.sharp and not any(
                (mark < " " and mark != "\t") or mark in "`\x7f\ufeff" for mark in string
            )
            self._pad(f"`{string}`" if plain else quote(string, ascii_only=flags.plus))
        elif verb in "vs":
            self._pad(self._cut(string))
        else:
            self._bad(string, verb)

    def _hex(self, raw: bytes, verb: str) -> None:
        flags = self._flags
        raw = raw[: flags.precision]
        lead = f"0{verb}" if flags.sharp else ""
        digits = [f"{byte:02{verb}}" for byte in raw]
        shown = (" " + lead).join(digits) if flags.space else "".join(digits)
        self._pad(lead + shown if raw else "")

    def _integer(self, value: int, verb: str) -> None:
        flags = self._flags
        if verb == "c":
            self._pad(_character(value))
        elif verb == "q":
            self._pad(quote(_character(value), "'", flags.plus))
        elif verb == "U":
            self._unicode(value % 2**64)
        elif verb in "vdboOxX":
            self._signed(value, verb)
        else:
            self._bad(value, verb)

    def _unicode(self, value: int) -> None:
        shown = f"U+{value:0{max(4, self._flags.precision or 0)}X}"
        if self._flags.sharp and value <= 0x10FFFF and is_printable(chr(value)):
            shown += f" '{chr(value)}'"
        self._pad_blank(shown)

    def _signed(self, value: int, verb: str) -> None:
        flags = self._flags
        precision = flags.precision
        if precision == 0 and value == 0:
            self._put(" " * (flags.width or 0))
            return
        sign = "-" if value < 0 else "+" if flags.plus else " " if flags.space else ""
        if precision is None:
            zeros = flags.zero and not flags.minus and flags.width is not None
            precision = (flags.width or 0) - len(sign) if zeros else 0
        digits = _in_base(abs(value), verb).rjust(precision, "0")
        if flags.sharp and verb in "bxX":
            digits = f"0{verb}{digits}"
        elif flags.sharp and verb in "oO" and not digits.startswith("0"):
            digits = "0" + digits
        if verb == "O":
            digits = "0o" + digits
        self._pad_blank(sign + digits)

    def _big(self, argument: _Big, verb: str) -> None:
        flags, value = self._flags, argument.value
        if verb == "w":
            self._bad(argument, verb)
        if verb not in "boOdsvxX":
            self._put(f"%!{verb}(big.Int={value})")
            return
        sign = "-" if value < 0 else "+" if flags.plus or flags.plus_v else " " if flags.space else ""
        sharp = flags.sharp or flags.sharp_v
        prefix = "0o" if verb == "O" else {"b": "0b", "o": "0", "x": "0x", "X": "0X"}.get(verb, "")
        prefix = prefix if sharp or verb == "O" else ""
        digits = _in_base(abs(value), verb).rjust(flags.precision or 0, "0")
        missing = (flags.width or 0) - len(sign + prefix + digits)
        if missing <= 0:
            self._put(sign + prefix + digits)
        elif flags.minus:
            self._put(sign + prefix + digits + " " * missing)
        elif flags.zero and flags.precision is None:
            self._put(sign + prefix + "0" * missing + digits)
        else:
            self._put(" " * missing + sign + prefix + digits)

    def _float(self, value: float, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad(value, verb)
            return
        flags = self._flags
        form = {"v": "g", "F": "f"}.get(verb, verb)
        precision = flags.precision
        if precision is None:
            precision = 6 if form in "feE" else -1
        shown = float_text(abs(value), form, precision)
        negative = struct.pack(">d", value)[0] >= 0x80
        sign = "-" if negative else " " if flags.space and not flags.plus else "+"
        if flags.sharp and verb != "b":
            shown = with_point(shown, verb, precision)
        if not flags.plus and sign == "+":
            self._pad(shown)
        elif flags.zero and not flags.minus and flags.width is not None:
            self._put(sign + shown.rjust(flags.width - 1, "0"))
        else:
            self._pad(sign + shown)


def _digits(layout: str, place: int, end: int | None = None) -> tuple[int | None, int]:
    end = len(layout) if end is None else end
    start, found = place, 0
    while place < end and "0" <= layout[place] <= "9":
        if found > _MOST_WIDTH:
            return None, end
        found = found * 10 + int(layout[place])
        place += 1
    return (found if place > start else None), place


def _type(argument: _Argument) -> str:
    return {int: "int64", float: "float64", str: "string", _Big: "*big.Int"}[type(argument)]


def _character(value: int) -> str:
    return chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF else "\ufffd"


def _in_base(value: int, verb: str) -> str:
    return format(value, {"b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(verb, "d"))
