"""What a review binds to (invariant 4)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet.approvals.binding import binding_digest, principal_digest
from licet.tools.principal import Principal

ALICE = Principal(
    subject="alice", tenant="acme", roles=frozenset({"support", "admin"}), attributes={"region": "EU"}
)
CALL: dict[str, Any] = {
    "salt": b"s" * 16,
    "contract_hash": "c" * 64,
    "arguments": b'{"amount":"80.00"}',
    "principal_digest": principal_digest(ALICE),
    "workflow_digest": "w" * 64,
}
GOLDEN = "b245193c212e521a180d41db47857cafbdcb73eb8e379a2d76c3afe7c3502ff1"


def test_the_digest_never_changes_between_versions() -> None:
    assert binding_digest(**CALL) == GOLDEN


def test_the_digest_is_what_its_documentation_says() -> None:
    arguments = hashlib.sha256(b'{"amount":"80.00"}').hexdigest()
    principal = hashlib.sha256(
        b'{"attributes":{"region":"EU"},"roles":["admin","support"],"subject":"alice","tenant":"acme"}'
    ).hexdigest()
    text = (
        f'{{"arguments":"{arguments}","contract_hash":"{"c" * 64}","principal":"{principal}",'
        f'"workflow_digest":"{"w" * 64}"}}'
    )
    expected = hashlib.sha256(b"licet/approval-binding/v1\x00" + b"s" * 16 + text.encode()).hexdigest()
    assert binding_digest(**CALL) == expected


@pytest.mark.parametrize(
    "change",
    [
        {"salt": b"t" * 16},
        {"contract_hash": "e" * 64},
        {"arguments": b'{"amount":"80.01"}'},
        {"workflow_digest": "e" * 64},
        {"principal_digest": principal_digest(Principal("bob", "acme", ALICE.roles, ALICE.attributes))},
        {"principal_digest": principal_digest(Principal("alice", "other", ALICE.roles, ALICE.attributes))},
        {
            "principal_digest": principal_digest(
                Principal("alice", "acme", frozenset({"support"}), ALICE.attributes)
            )
        },
        {"principal_digest": principal_digest(Principal("alice", "acme", ALICE.roles, {"region": "US"}))},
    ],
)
def test_any_difference_gives_another_digest(change: dict[str, Any]) -> None:
    assert binding_digest(**{**CALL, **change}) != binding_digest(**CALL)


texts = st.text(max_size=6)
names = st.text(min_size=1, max_size=6).filter(str.strip)
calls = st.tuples(texts, st.binary(max_size=8), names, names, st.frozensets(names, max_size=3), texts)


@given(calls, calls)
def test_two_calls_have_one_digest_only_if_they_are_the_same(one: tuple, other: tuple) -> None:
    def of(call: tuple) -> str:
        contract, arguments, subject, tenant, roles, workflow = call
        return binding_digest(
            salt=b"s" * 16,
            contract_hash=contract,
            arguments=arguments,
            principal_digest=principal_digest(Principal(subject, tenant, roles, {})),
            workflow_digest=workflow,
        )

    assert (of(one) == of(other)) == (one == other)
