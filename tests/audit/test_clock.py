"""Times and identifiers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.audit.clock import SystemClock, new_id, parse_timestamp, timestamp

ZONES = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda d: timezone(timedelta(minutes=d.seconds // 60))
)
MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES | st.just(UTC))  # noqa: DTZ001


@given(MOMENTS)
def test_a_time_is_read_back_as_it_was(moment: datetime) -> None:
    text = timestamp(moment)
    assert parse_timestamp(text) == moment
    assert len(text) == len("2026-01-02T03:04:05.000006Z")


@given(MOMENTS, MOMENTS)
def test_times_sort_as_text(one: datetime, other: datetime) -> None:
    assert (timestamp(one) < timestamp(other)) == (one < other)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        timestamp(datetime(2026, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    "text",
    ["2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000006", "2026-01-02T03:04:05.000006+00:00"],
)
def test_only_the_form_that_is_written_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_timestamp(text)


def test_the_system_clock_is_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_ids_are_version_7_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(1000)]
    after = time.time_ns() // 1_000_000
    assert len(set(ids)) == len(ids)
    for text in ids:
        uuid = UUID(text)
        assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
        assert before <= uuid.int >> 80 <= after
