"""The root of Licet's exceptions, and those of the journal."""

from __future__ import annotations


class LicetError(Exception):
    """Something Licet was asked for cannot be done; the message says what to do next.

    Every exception that Licet raises on purpose derives from this class.
    """

    exit_code = 1


class ConfigurationError(LicetError):
    """A workflow, tool, policy set or setting is wrong. It is raised before anything runs."""

    exit_code = 2


class ServiceDown(LicetError):
    """A service that is needed, such as the database, does not answer."""

    exit_code = 3


class JournalError(LicetError):
    """The journal could not do what was asked."""


class JournalMissing(JournalError, ConfigurationError):
    """There is no journal at this address, and a command that only reads makes none."""


class JournalOutdated(JournalError, ConfigurationError):
    """The journal's tables are of another version of Licet than this one."""


class JournalDamaged(JournalError):
    """The journal, or a guard of it, is not as Licet left it. Run `licet audit verify`."""


class AppendRefused(JournalError):
    """The unit of work was not written. Nothing of it is in the journal."""


class Unrecordable(AppendRefused):
    """The unit of work cannot be written as it is: a value that JSON has no word for, or parts that
    contradict.
    """


class NotOpened(AppendRefused):
    """What the unit of work goes on from was not written. Write both."""


class FenceLost(AppendRefused):
    """Another worker has taken this run over; what this one knows of it is out of date."""


class HeadMoved(AppendRefused):
    """Somebody else appended to the stream first. Read what is new and decide again."""


class KilledBySwitch(AppendRefused):
    """A kill switch covers what was to be written.

    Attributes:
        scope: what was switched off, such as `tool:issue_refund`.
        reason: what the person who threw the switch gave as the reason.
    """

    def __init__(self, scope: str, reason: str) -> None:
        super().__init__(f"{scope} is switched off: {reason}")
        self.scope = scope
        self.reason = reason


class BudgetExceeded(AppendRefused):
    """A shared budget has no room for what was to be reserved.

    Attributes:
        budget: the key of the budget.
    """

    def __init__(self, budget: str, message: str) -> None:
        super().__init__(message)
        self.budget = budget
