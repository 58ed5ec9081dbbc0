"""Who somebody is: principals and agents from tokens that an identity provider signed."""

from licet.tools.identity.claims import Claims, Fixed
from licet.tools.identity.errors import (
    ActorNamed,
    AlgorithmRefused,
    BadSignature,
    ClaimRefused,
    KeysUnavailable,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
    TokenRefused,
    UnknownKey,
    WrongAudience,
    WrongIssuer,
)
from licet.tools.identity.remote_keys import RemoteKeys
from licet.tools.identity.verifier import Delegated, TokenVerifier

__all__ = [
    "ActorNamed",
    "AlgorithmRefused",
    "BadSignature",
    "ClaimRefused",
    "Claims",
    "Delegated",
    "Fixed",
    "KeysUnavailable",
    "RemoteKeys",
    "TokenExpired",
    "TokenMalformed",
    "TokenNotYetValid",
    "TokenRefused",
    "TokenVerifier",
    "UnknownKey",
    "WrongAudience",
    "WrongIssuer",
]
