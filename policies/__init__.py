"""Asking policy whether a call may happen."""

from licet.policies.engine import ManagedEngine, PolicyEngine, PolicyUnavailable, ReloadableEngine
from licet.policies.errors import Fault, PolicyError
from licet.policies.load import load
from licet.policies.offer import Offer
from licet.policies.server import OpaServer

__all__ = [
    "Fault",
    "ManagedEngine",
    "Offer",
    "OpaServer",
    "PolicyEngine",
    "PolicyError",
    "PolicyUnavailable",
    "ReloadableEngine",
    "load",
]
