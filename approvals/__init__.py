"""Asking people: what waits for them, what they said, and whether it is enough."""

from licet.approvals.binding import binding_digest, principal_digest
from licet.approvals.coverage import Coverage, covers
from licet.approvals.directory import Directory, FileDirectory, LocalDirectory, directory_from_environment
from licet.approvals.errors import (
    AlreadyAnswered,
    AmbiguousRequest,
    ApprovalError,
    EditRefused,
    KeyUnusable,
    NotAReviewer,
    NothingToShow,
    ReasonRefused,
    RequestClosed,
    RequestExpired,
    ReviewersInvalid,
    SelfReview,
    UnknownRequest,
)
from licet.approvals.queue import ApprovalQueue
from licet.approvals.requests import Answer, Request, fold_requests
from licet.approvals.reviewer import Reviewer, local_reviewer
from licet.approvals.shown import Shown
from licet.approvals.signing import ReviewSigner, ReviewVerifier

__all__ = [
    "AlreadyAnswered",
    "AmbiguousRequest",
    "Answer",
    "ApprovalError",
    "ApprovalQueue",
    "Coverage",
    "Directory",
    "EditRefused",
    "FileDirectory",
    "KeyUnusable",
    "LocalDirectory",
    "NotAReviewer",
    "NothingToShow",
    "ReasonRefused",
    "Request",
    "RequestClosed",
    "RequestExpired",
    "ReviewSigner",
    "ReviewVerifier",
    "Reviewer",
    "ReviewersInvalid",
    "SelfReview",
    "Shown",
    "UnknownRequest",
    "binding_digest",
    "covers",
    "directory_from_environment",
    "fold_requests",
    "local_reviewer",
    "principal_digest",
]
