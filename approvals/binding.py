"""What a review binds to: invariant 4, what was approved is what runs."""

from __future__ import annotations

import orjson

from licet.audit.canonical import canonical, sha256
from licet.tools.principal import Principal

_DOMAIN = b"licet/approval-binding/v1\x00"


def principal_digest(principal: Principal) -> str:
    """SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of the whole principal.

    A run works it out once. It tells what a guess can find out, so it is recorded nowhere.
    """
    return sha256(canonical(principal.digestible()))


def binding_digest(
    *, salt: bytes, contract_hash: str, arguments: bytes, principal_digest: str, workflow_digest: str
) -> str:
    """The digest of the call that a reviewer answers, and of the call that is about to run; they must be
    equal.

    SHA-256, in hexadecimal, over a domain prefix, the run's salt and the canonical JSON (RFC 8785) of the four
    parts. The arguments and the principal go in by their own SHA-256, so that nothing in them can pass for a
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
        principal_digest: of the principal for whom the call runs, by the function of that name.
        workflow_digest: of the workflow's whole content, its version among it.
    """
    parts = {
        "arguments": sha256(arguments),
        "contract_hash": contract_hash,
        "principal": principal_digest,
        "workflow_digest": workflow_digest,
    }
    # Names in order and values of ASCII: orjson's text is the canonical one.
    return sha256(_DOMAIN + salt + orjson.dumps(parts))
