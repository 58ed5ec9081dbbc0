"""Why a token is refused. No message holds any part of the token: it may be logged and shown."""

from __future__ import annotations

from licet.audit.errors import LicetError, ServiceDown


class TokenRefused(LicetError):
    """The token proves nobody. Over HTTP that is a 401 with `WWW-Authenticate: Bearer error="invalid_token"` (RFC
    6750, section 3.1).
    """


class TokenMalformed(TokenRefused):
    """It is no signed JWT in compact form (RFC 7519), or asks for what is not understood here."""


class AlgorithmRefused(TokenRefused):
    """It is signed by an algorithm that is not among those allowed; `none` never is."""


class UnknownKey(TokenRefused):
    """No key of the issuer's has the id it names, and fits its algorithm."""


class BadSignature(TokenRefused):
    """It was changed, or the issuer never signed it."""


class TokenExpired(TokenRefused):
    """Its time is over. Whoever holds it asks the issuer for a new one."""


class TokenNotYetValid(TokenRefused):
    """Its time has not come, by this machine's clock."""


class WrongIssuer(TokenRefused):
    """Another issuer made it."""


class WrongAudience(TokenRefused):
    """It is meant for somebody else."""


class ClaimRefused(TokenRefused):
    """A claim that is needed is missing, or is not of the kind it should be.

    Attributes:
        claim: its path, as this application configured it.
    """

    def __init__(self, claim: str, problem: str) -> None:
        super().__init__(f"the token's claim {claim} {problem}")
        self.claim = claim


class ActorNamed(ClaimRefused):
    """It says that somebody acts for its subject (RFC 8693, section 4.1), where it was to be the subject's own.

    `TokenVerifier.delegated` reads such a token and gives both: start the run for the one, with the other as its agent.
    """

    def __init__(self, claim: str) -> None:
        super().__init__(
            claim,
            "says that an agent acts for its subject, and it is read as the subject's own; an application that lets "
            "agents act for its users reads it with TokenVerifier.delegated",
        )


class KeysUnavailable(ServiceDown):
    """The issuer's keys cannot be had, so nobody can be proved to be anybody. Over HTTP that is a 503."""
