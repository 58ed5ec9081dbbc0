"""Asking policy whether a call may happen."""

from licet.policies.engine import PolicyEngine, PolicyUnavailable
from licet.policies.errors import Fault, PolicyError
from licet.policies.load import load

__all__ = ["Fault", "PolicyEngine", "PolicyError", "PolicyUnavailable", "load"]
