"""What was once written stays readable for ever, and means the same."""

from __future__ import annotations

import pytest
from golden_records import example, golden, kinds, text_of

from licet.audit.canonical import canonical, parse
from licet.audit.codec import decode, event_body
from licet.audit.records import record_hash


def test_every_kind_of_event_has_a_golden_record() -> None:
    assert kinds().keys() - golden().keys() == set()


@pytest.mark.parametrize("kind", golden())
def test_it_is_read_and_written_again_to_the_same_bytes(kind: str) -> None:
    text = golden()[kind]
    record = decode("run-1", 1, text, record_hash(text.encode()))
    fields = parse(text.encode())
    assert isinstance(fields, dict)
    assert canonical(fields) == text.encode()
    assert canonical(event_body(record.event)) == canonical(fields["body"])
    assert (record.event.type, record.tenant, record.actor.id) == (kind, "acme", "w-1")


@pytest.mark.parametrize("kind", golden())
def test_it_means_what_it_meant(kind: str) -> None:
    text = golden()[kind]
    assert decode("run-1", 1, text, record_hash(text.encode())).event == example(kinds()[kind])


@pytest.mark.parametrize("kind", golden())
def test_it_is_still_written_so(kind: str) -> None:
    assert text_of(kind) == golden()[kind]
