"""How the properties are tried: new examples each time, and no clock, which says nothing on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("licet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("licet")
