"""What bounds a run and the runs of a day: limits, budgets and stop rules, as a workflow declares them.

Spend is running cost (models, priced tools) in US dollars, exact to the nano-dollar. Amounts of business,
such as a refund, are bounded by narrowings.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from licet.audit.canonical import Json
from licet.runtime.contract import Contract, Text
from licet.runtime.decimals import Count, Exact
from licet.tools.exact_numbers import decimal_text

_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,5})d)?(?:(?P<h>[0-9]{1,5})h)?(?:(?P<m>[0-9]{1,6})m)?"
    r"(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,6})?)s)?",
    re.ASCII,
)
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}

LONGEST = 366 * 86_400
"""The longest duration, in seconds: a year."""


def seconds(value: object) -> float:
    """A duration in seconds: a number of seconds, or text such as `"90s"`, `"2m"`, `"1h30m"`, `"1d"`.

    Raises:
        ValueError: it is none of these, not above 0, or longer than 366 days.
    """
    length: Decimal | float
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError('is not a duration; write it such as "90s", "2m" or "1h30m"')
    if isinstance(value, str):
        text = value.strip()
        parts = _DURATION.fullmatch(text)
        if _SECONDS.fullmatch(text):
            length = Decimal(text)
        elif text and parts:
            length = sum(
                (Decimal(n) * _UNITS[unit] for unit, n in parts.groupdict().items() if n), Decimal(0)
            )
        else:
            raise ValueError('is not a duration; write it such as "90s", "2m" or "1h30m"')
    else:
        length = value
    # Written so that NaN, which is neither above nor below anything, is refused.
    if not 0 < length <= LONGEST:
        raise ValueError("must be above 0 and at most 366 days")
    return float(length)


def _money(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be above 0")
    if value >= 10**9:
        raise ValueError("must be below 1,000,000,000 US dollars")
    # Not by arithmetic, which would round to 28 digits.
    if len(decimal_text(value).partition(".")[2]) > 9:
        raise ValueError("is finer than a nano-dollar")
    return value


Dollars = Annotated[Exact, AfterValidator(_money)]
"""US dollars: above 0, exact to nine decimals."""

Duration = Annotated[float, BeforeValidator(seconds)]
"""A duration, in seconds."""

Positive = Annotated[Count, Field(ge=1)]


def _seconds_form(length: float) -> Json:
    return int(length) if length.is_integer() else length


class Limits(Contract):
    """The limits of one run. Reaching one ends the run with a reason.

    Attributes:
        steps: model requests.
        calls: tool calls.
        calls_per_tool: tool calls by tool name, for tools on the workflow's list.
        tokens: input and output tokens together; None: no limit of its own.
        spend: running cost in US dollars; None: no limit of its own.
        wall_clock: time that the run works, in seconds or such as `"2m"`; waiting for people does not count.
        repairs: how often the model may repair a final output that is not valid.
    """

    steps: Positive = 20
    calls: Positive = 50
    calls_per_tool: dict[Text, Positive] = Field(default_factory=dict)
    tokens: Positive | None = None
    spend: Dollars | None = None
    wall_clock: Duration = 600.0
    repairs: Annotated[Count, Field(ge=0, le=100)] = 2

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            steps: int = 20,
            calls: int = 50,
            calls_per_tool: dict[str, int] = ...,
            tokens: int | None = None,
            spend: Decimal | str | int | None = None,
            wall_clock: float | str = 600.0,
            repairs: int = 2,
        ) -> None: ...

    def content(self) -> dict[str, Json]:
        """The limits in normal form."""
        return {
            "steps": self.steps,
            "calls": self.calls,
            "calls_per_tool": dict(self.calls_per_tool),
            "tokens": self.tokens,
            "spend": None if self.spend is None else decimal_text(self.spend),
            "wall_clock": _seconds_form(self.wall_clock),
            "repairs": self.repairs,
        }


class Budget(Contract):
    """What all runs of the workflow in one tenant may spend together.

    Attributes:
        spend: running cost in US dollars.
        per: the period; a day is a day in UTC.
    """

    spend: Dollars
    per: Literal["day"] = "day"

    if TYPE_CHECKING:

        def __init__(self, *, spend: Decimal | str | int, per: Literal["day"] = "day") -> None: ...

    def content(self) -> dict[str, Json]:
        """The budget in normal form."""
        return {"spend": decimal_text(self.spend), "per": self.per}


class StopRules(Contract):
    """Signs that a run leads nowhere; a rule that fires ends the run. None switches a rule off.

    Attributes:
        same_call: this many times the same tool with the same arguments.
        denials_in_row: this many denied calls, one after the other.
        errors_in_row: this many failed calls, one after the other.
    """

    same_call: Positive | None = 3
    denials_in_row: Positive | None = 5
    errors_in_row: Positive | None = 5

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            same_call: int | None = 3,
            denials_in_row: int | None = 5,
            errors_in_row: int | None = 5,
        ) -> None: ...

    def content(self) -> dict[str, Json]:
        """The rules in normal form."""
        return {
            "same_call": self.same_call,
            "denials_in_row": self.denials_in_row,
            "errors_in_row": self.errors_in_row,
        }
