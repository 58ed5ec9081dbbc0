"""The approval service's key, on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from approval_story import asking

from licet.approvals.errors import KeyUnusable
from licet.approvals.review import Review
from licet.approvals.signing import ReviewSigner, ReviewVerifier

SIGN = "from licet.approvals.signing import ReviewSigner; print(ReviewSigner.open().key_id())"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("LICET_APPROVAL_KEY", "LICET_APPROVAL_PUBLIC_KEYS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "licet"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_key_is_made_on_first_use_and_kept(config: Path) -> None:
    signer = ReviewSigner.open()
    assert not config.exists(), "opening makes nothing"
    name = signer.key_id()
    assert (mode(config), mode(config / "approval.key"), mode(config / "approval.pub")) == (
        0o700,
        0o600,
        0o644,
    )
    assert sorted(path.name for path in config.iterdir()) == ["approval.key", "approval.pub"]
    assert ReviewSigner.open().key_id() == name


def test_the_configuration_folder_is_the_users_when_none_is_named(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    ReviewSigner.open().key_id()
    assert (tmp_path / ".config" / "licet" / "approval.key").exists()


def test_the_key_may_lie_elsewhere(tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LICET_APPROVAL_KEY", str(tmp_path / "vault" / "service.pem"))
    ReviewSigner.open().key_id()
    assert sorted(path.name for path in (tmp_path / "vault").iterdir()) == ["service.pem", "service.pub"]
    assert not config.exists()


def test_processes_that_start_at_once_get_one_key(config: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", SIGN], stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    names = {process.communicate()[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert names == {ReviewSigner.open().key_id()}
    assert sorted(path.name for path in config.iterdir()) == ["approval.key", "approval.pub"]


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_read_or_write_is_refused_with_the_fix(config: Path, permissions: int) -> None:
    ReviewSigner.open().key_id()
    (config / "approval.key").chmod(permissions)
    with pytest.raises(KeyUnusable, match=f"chmod 600 {config / 'approval.key'}"):
        ReviewSigner.open().key_id()


def test_a_folder_in_which_others_can_replace_the_key_is_refused_with_the_fix(config: Path) -> None:
    ReviewSigner.open().key_id()
    config.chmod(0o770)
    with pytest.raises(KeyUnusable, match=f"chmod 700 {config}"):
        ReviewSigner.open().key_id()


@pytest.mark.parametrize("content", [b"", b"nonsense-secret", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END"])
def test_a_file_that_is_no_key_is_refused_and_not_quoted(config: Path, content: bytes) -> None:
    ReviewSigner.open().key_id()
    (config / "approval.key").write_bytes(content)
    with pytest.raises(KeyUnusable, match="no Ed25519 private key") as error:
        ReviewSigner.open().key_id()
    assert "nonsense-secret" not in str(error.value)
    assert (config / "approval.key").read_bytes() == content, "what is there is never overwritten"


def test_a_public_half_of_another_key_is_refused(tmp_path: Path, config: Path) -> None:
    ReviewSigner.open().key_id()
    ReviewSigner(tmp_path / "other" / "approval.key").key_id()
    (config / "approval.pub").write_bytes((tmp_path / "other" / "approval.pub").read_bytes())
    with pytest.raises(KeyUnusable, match="not the public half"):
        ReviewSigner.open().key_id()


def test_a_missing_public_half_is_written_again(config: Path) -> None:
    ReviewSigner.open().key_id()
    before = (config / "approval.pub").read_bytes()
    (config / "approval.pub").unlink()
    ReviewSigner.open().key_id()
    assert (config / "approval.pub").read_bytes() == before


def test_the_name_of_a_public_key_is_not_taken_for_a_private_one(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="public key"):
        ReviewSigner(tmp_path / "approval.pub").key_id()


def test_an_executor_needs_the_public_half_alone(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = asking()
    chain.answer("local:bob", signer=ReviewSigner.open())
    (answer,) = chain.request().answers
    handed = tmp_path / "handed.pub"
    handed.write_bytes((config / "approval.pub").read_bytes())
    (config / "approval.key").unlink()
    (config / "approval.pub").unlink()
    other = tmp_path / "other"
    ReviewSigner(other / "approval.key").key_id()
    monkeypatch.setenv("LICET_APPROVAL_PUBLIC_KEYS", f"{other / 'approval.pub'}:{handed}")
    assert ReviewVerifier.open().problem(answer) is None
    monkeypatch.setenv("LICET_APPROVAL_PUBLIC_KEYS", str(other / "approval.pub"))
    assert "not trusted" in (ReviewVerifier.open().problem(answer) or "")
    assert not (config / "approval.key").exists(), "checking makes no key"


def test_a_key_made_after_the_executor_started_is_trusted(config: Path) -> None:
    verifier = ReviewVerifier.open()
    chain = asking()
    chain.answer("local:bob", signer=ReviewSigner.open())
    (answer,) = chain.request().answers
    assert verifier.problem(answer) is None
    (config / "approval.pub").unlink()
    assert "not trusted" in (verifier.problem(answer) or "")
    (config / "approval.pub").write_text("nonsense")
    assert "no Ed25519 public key" in (verifier.problem(answer) or "")


def test_what_is_signed_never_changes_between_versions() -> None:
    review = Review(
        stream="run",
        tenant="acme",
        seq=3,
        request_id="r",
        request_hash="h",
        call_id="c",
        verdict="edit",
        digest="d",
        reviewer="local:bob",
        groups=("any", "payments"),
        local=True,
        payloads=(("args", "1"), ("reason", "2")),
    )
    assert review.message() == (
        b"licet/approval-review/v1\x00"
        b'{"call_id":"c","digest":"d","groups":["any","payments"],"local":true,'
        b'"payloads":{"args":"1","reason":"2"},"request_hash":"h","request_id":"r","reviewer":"local:bob",'
        b'"seq":3,"stream":"run","tenant":"acme","verdict":"edit"}'
    )


@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_public_key_that_is_named_must_be_one(
    tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = tmp_path / "named.pub"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("LICET_APPROVAL_PUBLIC_KEYS", str(path))
    with pytest.raises(KeyUnusable, match=r"named\.pub"):
        ReviewVerifier.open()
