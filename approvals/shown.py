"""What the reviewer is shown, which is what runs: the payload `shown` of an approval request."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from licet.approvals.binding import binding_digest, principal_digest
from licet.approvals.errors import NothingToShow
from licet.audit.canonical import canonical
from licet.audit.errors import ConfigurationError
from licet.tools.principal import Principal


class _Part(BaseModel):
    # What a later version shows beside this is of no concern to what a review binds to.
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class ShownPrincipal(_Part):
    """For whom the call runs."""

    subject: str
    tenant: str
    roles: list[str] = Field(default_factory=list)
    attributes: dict[str, Any] = Field(default_factory=dict)


class ShownWorkflow(_Part):
    """The contract the run works under."""

    name: str
    version: str
    digest: str
    purpose: str
    risk: str | None = None


class Shown(_Part):
    """All that a reviewer gets to see of a call.

    Everything here was written by a model, a tool or a user somewhere: it is data, to be escaped wherever it
    is shown.

    Attributes:
        salt: the run's, in hexadecimal, under which the digest was taken.
        args: the validated arguments, as canonical JSON has them (exact decimals as text).
        reason: the agent's own, for making the call.
        preview: what the tool says it would do.
        resource: what the tool knows of its target.
        decision_reasons: why policy asks.
        provenance: where each argument came from.
        spent: what the run has used so far.
        story: what the run has done so far.
    """

    tool: str
    salt: str
    effect: str | None = None
    contract_hash: str
    args: dict[str, Any]
    principal: ShownPrincipal
    workflow: ShownWorkflow
    reason: Any = None
    preview: Any = None
    resource: Any = None
    decision_reasons: Any = None
    provenance: Any = None
    spent: Any = None
    story: Any = None

    @classmethod
    def read(cls, payload: bytes) -> Shown:
        """What the payload says.

        Raises:
            NothingToShow: it is not what a reviewer can be shown.
        """
        try:
            return cls.model_validate(orjson.loads(payload))
        except (ValidationError, orjson.JSONDecodeError):
            raise NothingToShow(
                "what the request shows cannot be read by this version of Licet; reject it,"
                " or use the version that asked"
            ) from None

    def digest(self, args: bytes | None = None) -> str:
        """What a review binds to; with `args` (canonical JSON) in place of the arguments shown.

        Raises:
            NothingToShow: the principal shown is none.
        """
        try:
            principal = Principal(
                subject=self.principal.subject,
                tenant=self.principal.tenant,
                roles=frozenset(self.principal.roles),
                attributes=self.principal.attributes,
            )
        except ConfigurationError:
            raise NothingToShow("the request does not show for whom the call runs; reject it") from None
        try:
            salt = bytes.fromhex(self.salt)
        except ValueError:
            raise NothingToShow(
                "the request does not show what its digest was taken under; reject it"
            ) from None
        return binding_digest(
            salt=salt,
            contract_hash=self.contract_hash,
            arguments=canonical(self.args) if args is None else args,
            principal_digest=principal_digest(principal),
            workflow_digest=self.workflow.digest,
        )
