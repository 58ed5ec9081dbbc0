"""Who may review."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from approval_story import owed

from licet.approvals.directory import FileDirectory, LocalDirectory, directory_from_environment
from licet.approvals.errors import ReviewersInvalid
from licet.approvals.reviewer import Reviewer, local_reviewer

FILE = """\
reviewers:
  "local:alice": {groups: [payments]}
  "local:bob":
    groups: [payments, legal]
    tenants: [acme]
  "carol@acme.example": {groups: []}
"""


@pytest.fixture
def directory(tmp_path: Path) -> FileDirectory:
    path = tmp_path / "reviewers.yaml"
    path.write_text(FILE)
    return FileDirectory(path)


def test_on_a_laptop_local_users_review_and_are_in_no_named_group() -> None:
    directory = LocalDirectory()
    assert directory.groups("local:alice", "default") == {"any"}
    assert directory.groups("alice@acme.example", "default") == frozenset()
    assert directory.possible(owed(("any", 2)), "default") is None
    assert "LICET_REVIEWERS" in (directory.possible(owed(("payments", 1)), "default") or "")


def test_the_file_says_who_is_in_what(directory: FileDirectory) -> None:
    assert directory.groups("local:alice", "any-tenant") == {"any", "payments"}
    assert directory.groups("carol@acme.example", "acme") == {"any"}
    assert directory.groups("local:mallory", "acme") == frozenset()


def test_a_reviewer_of_one_tenant_is_nobody_in_another(directory: FileDirectory) -> None:
    assert directory.groups("local:bob", "acme") == {"any", "payments", "legal"}
    assert directory.groups("local:bob", "other") == frozenset()


def test_the_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = tmp_path / "reviewers.yaml"
    path.write_text('reviewers: {"local:bob": {groups: [aaaa]}}')
    directory = FileDirectory(path)
    times = path.stat()
    path.write_text('reviewers: {"local:bob": {groups: [bbbb]}}')
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert directory.groups("local:bob", "acme") == {"any", "bbbb"}
    path.unlink()
    with pytest.raises(ReviewersInvalid, match="cannot read"):
        directory.groups("local:bob", "acme")


@pytest.mark.parametrize(
    ("needs", "tenant", "requester", "words"),
    [
        (owed(("payments", 2)), "acme", None, None),
        (owed(("payments", 2)), "acme", "local:alice", "only 1"),
        (owed(("payments", 2)), "acme", "alice", "only 1"),
        (owed(("payments", 2)), "acme", "local:carol@acme.example", None),
        (owed(("any", 3)), "acme", "local:carol@acme.example", "only 2"),
        (owed(("payments", 2)), "other", None, "only 1"),
        (owed(("legal", 1)), "acme", None, None),
        (owed(("legal", 1)), "other", None, "nobody"),
        (owed(("security", 1)), "acme", None, "nobody"),
        (owed(("any", 3)), "acme", None, None),
        (owed(("any", 4)), "acme", None, "only 3"),
        (owed(("any", 1), ("security", 1)), "acme", None, "nobody"),
    ],
)
def test_it_knows_what_nobody_can_ever_give(
    directory: FileDirectory, needs, tenant: str, requester: str | None, words: str | None
) -> None:
    why = directory.possible(needs, tenant, requester)
    if words is None:
        assert why is None
    else:
        assert words in (why or "")
        assert "reviewers.yaml" in (why or "")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("reviewers: [", 1, "not YAML"),
        ("- a", 1, "must be a mapping"),
        ("reviewer: {}", 1, "unknown key"),
        ("reviewers:\n  a: {groups: []}\nmore: 1", 3, "unknown key"),
        ("reviewers: {}", 1, "no reviewer"),
        ("reviewers:\n  a: [payments]", 2, "must be a mapping"),
        ("reviewers:\n  a: {}", 2, "`groups` is missing"),
        ("reviewers:\n  a:\n    groups: []\n    group: []", 4, "unknown key"),
        ("reviewers:\n  a:\n    groups: payments", 3, "must be a list"),
        ("reviewers:\n  a:\n    groups: [yes]", 3, "in quotes"),
        ("reviewers:\n  a:\n    groups: [12]", 3, "in quotes"),
        ("reviewers:\n  a:\n    groups: [x, x]", 3, "twice"),
        ("reviewers:\n  a:\n    groups: [any]", 3, "leave it out"),
        ("reviewers:\n  a:\n    groups: ['']", 3, "empty"),
        ("reviewers:\n  a:\n    groups: []\n    tenants: []", 4, "empty"),
        ("reviewers:\n  a: {groups: []}\n  a: {groups: [payments]}", 3, "twice"),
        ("reviewers:\n  12: {groups: []}", 2, "in quotes"),
        ("reviewers:\n  a: &x {groups: []}\n  b: {<<: *x}", 3, "in quotes"),
        ("a: &a {reviewers: *a}", 1, "unknown key"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = tmp_path / "reviewers.yaml"
    path.write_text(text)
    with pytest.raises(ReviewersInvalid) as error:
        FileDirectory(path)
    assert f"line {line}:" in str(error.value)
    assert words in str(error.value)


@pytest.mark.parametrize("content", [b"", b"# nobody\n", b"\xff\xfe\x00", b"reviewers: \x00"])
def test_a_file_that_says_nothing_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviewers.yaml"
    path.write_bytes(content)
    with pytest.raises(ReviewersInvalid, match=r"reviewers\.yaml"):
        FileDirectory(path)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LICET_REVIEWERS", raising=False)
    assert isinstance(directory_from_environment(), LocalDirectory)
    path = tmp_path / "reviewers.yaml"
    monkeypatch.setenv("LICET_REVIEWERS", str(path))
    with pytest.raises(ReviewersInvalid, match="cannot read"):
        directory_from_environment()
    path.write_text(FILE)
    assert directory_from_environment().groups("local:alice", "acme") == {"any", "payments"}


def test_the_local_reviewer_is_who_the_operating_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("USER", "LOGNAME", "USERNAME", "LNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    assert local_reviewer() == Reviewer("local:" + pwd.getpwuid(os.getuid()).pw_name, local=True)


@pytest.mark.parametrize(
    ("id", "local"), [("", False), ("local:", True), ("local:bob", False), ("bob", True)]
)
def test_a_reviewer_cannot_pass_for_a_local_one(id: str, local: bool) -> None:
    with pytest.raises(ValueError, match="reviewer"):
        Reviewer(id, local)
