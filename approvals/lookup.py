"""Where in the journal the approval requests are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from licet.approvals.errors import AmbiguousRequest, UnknownRequest
from licet.approvals.requests import Request, fold_requests
from licet.audit.journal import Journal

SHORTEST_ID = 8
"""So many characters of a request's id are enough where no other id begins with them."""

_OPEN = ("running", "suspended")
"""Statuses of runs that can have a request waiting, in the order in which a run that asks takes them."""

_ID = re.compile(rf"[0-9a-f-]{{{SHORTEST_ID},36}}")


def open_streams(journal: Journal, tenant: str | None) -> Iterator[str]:
    """The runs that can have a request waiting; None looks at every tenant."""
    seen: set[str] = set()
    for status in _OPEN:
        for head in journal.heads(tenant=tenant, status=status):
            if head.stream not in seen:
                seen.add(head.stream)
                yield head.stream


def find_request(journal: Journal, request_id: str, tenant: str | None, now: datetime) -> Request:
    """The request with this id, or the only one whose id begins so.

    A whole id is looked for among the open runs first, and found at once there. A shortened one must be the
    only one of all, also of those answered long ago: whoever copies it from an old page must not answer
    another request that begins alike. So it costs a look at every run.

    Raises:
        UnknownRequest: there is none, in this tenant.
        AmbiguousRequest: there are several.
    """
    wanted = request_id.strip().lower()
    if not _ID.fullmatch(wanted):
        raise UnknownRequest(
            f"give the request's id, or at least its first {SHORTEST_ID} characters;"
            " `licet approvals list` shows those that wait"
        )
    whole = len(wanted) == 36
    found: dict[str, Request] = {}
    for stream in _streams(journal, tenant):
        for request in fold_requests(journal.read(stream), now).values():
            if request.request_id.startswith(wanted):
                found[request.request_id] = request
        if found and (whole or len(found) > 1):
            break
    if not found:
        raise UnknownRequest(
            f"there is no approval request {wanted}; `licet approvals list` shows those that wait"
        )
    if len(found) > 1:
        raise AmbiguousRequest(f"several requests begin with {wanted}; give more characters of the id")
    return found.popitem()[1]


def _streams(journal: Journal, tenant: str | None) -> Iterator[str]:
    seen: set[str] = set()
    for stream in open_streams(journal, tenant):
        seen.add(stream)
        yield stream
    for head in journal.heads(tenant=tenant):
        if head.stream not in seen:
            yield head.stream
