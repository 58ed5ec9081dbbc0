"""What can be wrong with an answer, and with what answers need. Each message says what to do next."""

from __future__ import annotations

from licet.audit.errors import ConfigurationError, LicetError


class ApprovalError(LicetError):
    """A review was not recorded. Nothing of it is in the journal, or it came too late to have an effect."""


class UnknownRequest(ApprovalError):
    """There is no approval request with this id here. `licet approvals list` shows those that wait."""


class AmbiguousRequest(ApprovalError):
    """The shortened id fits more than one request. Give more of its characters."""


class AlreadyAnswered(ApprovalError):
    """The request has its answer, or this reviewer's. The first answer stands."""


class RequestClosed(ApprovalError):
    """The request was closed, because what it asked for has changed or its run has ended."""


class RequestExpired(ApprovalError):
    """The request ran out before this answer. The run can be resumed; it asks again if it still needs to."""


class NotAReviewer(ApprovalError):
    """This reviewer is in none of the groups that the request asks."""


class SelfReview(ApprovalError):
    """Nobody reviews what runs in their own name. Ask another reviewer."""


class ReasonRefused(ApprovalError):
    """The reason is missing where one is needed, or is not text that can be kept."""


class EditRefused(ApprovalError):
    """The edited arguments cannot be what is to run."""


class NothingToShow(ApprovalError):
    """What the reviewer must see is erased, or not what the request binds to. It can only be rejected."""


class KeyUnusable(ConfigurationError):
    """A key of the approval service cannot be used as it is."""


class ReviewersInvalid(ConfigurationError):
    """The file that names the reviewers cannot be read as one."""
