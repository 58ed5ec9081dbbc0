"""How the tests are run: properties by new examples each time and by no clock, which says nothing on a busy machine."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.pop(
    "COLUMNS", None
)  # pytest-xdist sets it; what Licet prints is as wide as it is where no terminal is
settings.register_profile("licet", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("licet")


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """What failed is told by another process, which takes no text that UTF-8 has no bytes for."""
    return _sendable((yield))


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_sendable(key): _sendable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(_sendable, value))
    return value
