"""A review: what a reviewer said of one request, and the bytes that are signed for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from licet.audit.canonical import canonical

Verdict = Literal["approve", "reject", "edit"]

_DOMAIN = b"licet/approval-review/v1\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What one reviewer said, and where it stands.

    Attributes:
        stream: the run's.
        seq: the review's own place in the stream, so that it cannot be moved or played again.
        request_hash: the hash of the request's record. As that record names the one before it, the signature
            holds the whole story up to the request: who asked, what was shown, until when.
        digest: of the call that may run (`licet.approvals.binding`); of the edited one when edited.
        groups: the reviewer's groups when they answered.
        local: the operating system is all that vouches for the reviewer.
        payloads: salted digests, by name, of the reason and of the edited arguments.
    """

    stream: str
    tenant: str
    seq: int
    request_id: str
    request_hash: str
    call_id: str
    verdict: Verdict
    digest: str
    reviewer: str
    groups: tuple[str, ...]
    local: bool
    payloads: tuple[tuple[str, str], ...]

    def message(self) -> bytes:
        """What is signed: a domain prefix and the canonical JSON (RFC 8785) of every field."""
        return _DOMAIN + canonical(
            {
                "call_id": self.call_id,
                "digest": self.digest,
                "groups": list(self.groups),
                "local": self.local,
                "payloads": dict(self.payloads),
                "request_hash": self.request_hash,
                "request_id": self.request_id,
                "reviewer": self.reviewer,
                "seq": self.seq,
                "stream": self.stream,
                "tenant": self.tenant,
                "verdict": self.verdict,
            }
        )
