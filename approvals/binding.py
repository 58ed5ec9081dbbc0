"""What a review binds to: invariant 4, what was approved is what runs."""

from __future__ import annotations

from licet.audit.canonical import Json, canonical, sha256
from licet.tools.principal import Principal

_DOMAIN = b"licet/approval-binding/v1\x00"


def binding_digest(
    *, salt: bytes, contract_hash: str, arguments: bytes, principal: Principal, workflow_digest: str
) -> str:
    """The digest of the call that a reviewer answers, and of the call that is about to run; they must be
    equal.

    SHA-256, in hexadecimal, over a domain prefix, the run's salt and the canonical JSON (RFC 8785) of the four
    parts. The arguments go in by their own SHA-256, so that no argument can pass for a
    neighbouring part. The digest stands in the chain for ever; once the salt is erased with the run's payloads,
    nobody can test a guess at what it was taken over.

    The whole principal is bound, roles and attributes too. The reviewer saw them and may have said yes
    because of them; and a run keeps the principal it was started with, so nothing is voided for nothing.
    Authorization and policy are asked again all the same: what they look at beyond the principal may have
    changed.

    Args:
        salt: random bytes of the run's own, the payload `salt` of its first record.
        contract_hash: the tool's, which covers its name, version, effect and schemas.
        arguments: canonical JSON of the validated arguments.
        principal: for whom the call runs.
        workflow_digest: of the workflow's whole content, its version among it.
    """
    parts: dict[str, Json] = {
        "arguments": sha256(arguments),
        "contract_hash": contract_hash,
        "principal": principal.digestible(),
        "workflow_digest": workflow_digest,
    }
    return sha256(_DOMAIN + salt + canonical(parts))
