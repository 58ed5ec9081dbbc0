"""Policies are checked and compiled by the real opa, and everything it refuses stops start-up."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import orjson
import pytest
from asking import INPUT, decide

from licet.policies import PolicyError, load, opa_program, toolchain
from licet.policies.bundle import ENTRYPOINTS, SHIPPED, Bundle
from licet.policies.library import CAPABILITIES, HOME, INPUT_SCHEMA, LIBRARY, shipped, with_folder

Make = Callable[..., Path]

RULE = (
    'package licet.user.shop\n\ndeny contains {"rule": "a", "message": "b"} if input.call.args.amount > 100\n'
)


def build_main(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(home)} if home else None
    return subprocess.run(
        [sys.executable, "-m", "licet.policies.build", *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_shipped_bundle_and_capabilities_are_what_opa_makes(real_opa: Path) -> None:
    done = build_main("--check")
    assert done.returncode == 0, done.stderr


def test_the_bundle_does_not_depend_on_where_or_when(real_opa: Path, tmp_path: Path) -> None:
    for name in ("a", "somewhere/else entirely"):
        room = tmp_path / name
        (room / "licet").mkdir(parents=True)
        for part in ("__init__.py", "audit", "policies"):
            source = HOME.parent / "licet" / part if part == "__init__.py" else HOME.parent / part
            target = room / "licet" / part
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                target.write_text("")
        for file in (room / "licet/policies").rglob("*.rego"):
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
            os.utime(file, (1, 1))
        done = build_main("--check", home=room)
        assert done.returncode == 0, done.stderr
        assert Bundle.unpack(SHIPPED.read_bytes()).revision in done.stdout


def test_check_fails_when_the_bundle_is_another(real_opa: Path, tmp_path: Path) -> None:
    (tmp_path / "licet").mkdir()
    (tmp_path / "licet/__init__.py").write_text("")
    shutil.copytree(HOME.parent / "audit", tmp_path / "licet/audit")
    shutil.copytree(HOME, tmp_path / "licet/policies")
    rule = tmp_path / "licet/policies/rego/effects.rego"
    rule.write_text(rule.read_text().replace("86400", "86401"))
    done = build_main("--check", home=tmp_path)
    assert done.returncode == 1
    assert "bundle.tar.gz" in done.stderr
    assert build_main(home=tmp_path).returncode == 0
    assert build_main("--check", home=tmp_path).returncode == 0


def test_the_library_type_checks_against_the_schema_and_passes_its_own_tests(real_opa: Path) -> None:
    for command in (
        ["check", "--strict", "--schema", str(INPUT_SCHEMA), str(LIBRARY)],
        ["test", "--fail-on-empty", "--schema", str(INPUT_SCHEMA), str(LIBRARY)],
        ["fmt", "--fail", "--list", str(LIBRARY)],
    ):
        done = subprocess.run([real_opa, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_of_the_library_has_a_title_and_a_description(real_opa: Path) -> None:
    rules = 0
    for name, content in shipped().files.items():
        text = content.decode()
        documents: set[str] = set()
        blocks = [block for block in text.split("\n\n") if block.strip() and not block.startswith("import")]
        for block in blocks:
            if block.lstrip().startswith("#") or not block[0].isspace():
                head = re.match(r"(?:default )?(\w+)", block)
                if head and head[1] in documents:
                    continue  # another clause of a document that is described where it begins
                assert block.startswith("# METADATA\n# title: "), (name, block)
                assert "\n# description: " in block, (name, block)
                if "\n# scope: document\n" in block:
                    documents |= set(re.findall(r"^(?:default )?(\w+)", block, re.MULTILINE))
                rules += 1
    assert rules > 50


def test_the_same_folder_has_the_same_revision_wherever_it_lies(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    place = folder(shop=RULE, data_dot_json='{"a": 1}')
    other = tmp_path / "elsewhere" / "policies"
    shutil.copytree(place, other)
    (other / "data.json").write_text('{\n  "a": 1}\n')
    (other / "shop_test.rego").write_text("package licet.user.shop_test\n\ntest_it if true\n")
    (other / ".hidden").mkdir()
    (other / ".hidden" / "x.rego").write_text("nonsense")
    first, second = load(place), load(other)
    assert first.bundle == second.bundle
    assert first.revision == second.revision != load().revision
    (other / "shop.rego").write_text(RULE.replace("100", "101"))
    assert load(other).revision != first.revision
    (other / "shop.rego").write_text(RULE)
    (other / "data.json").write_text('{"a": 2}')
    assert load(other).revision != first.revision


async def test_a_bundle_that_was_built_elsewhere_needs_no_opa(
    real_opa: Path, folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = load(folder(shop=RULE))
    (tmp_path / "mine.tar.gz").write_bytes(engine.bundle)
    monkeypatch.setenv("LICET_OPA", "/nowhere/opa")
    again = load(tmp_path / "mine.tar.gz")
    assert again.revision == engine.revision
    assert (await decide(again, INPUT)).allow


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("package licet.user.a\n\ndeny contains contains 1\n", 3, "rego_parse_error"),
        ('package licet.user.a\n\ngrant contains "x" if nothing(1)\n', 3, "undefined function nothing"),
        ('package licet.user.a\n\ngrant contains "x" if input.call.arg.x\n', 3, "undefined ref"),
        ("package licet.user.a\n\nimport data.b\n", 3, "unused"),
        ("package licet.user.a\n\ngrant contains http.send({})\n", 3, "http.send"),
        ('package licet.user.a\n\ngrant contains json.patch("", [])\n', 3, "json.patch"),
        ('package licet.user.a\n\ngrant contains "x" if time.now_ns() > 1\n', 3, "time.now_ns"),
        ('package licet.user.a\n\ngrant contains "x" if a\n\na if b\n\nb if a\n', 5, "recursive"),
        ("rules := 1\n", 1, "package"),
        ("", 1, "package"),
    ],
    ids=[
        "no rule", "no function", "no field", "unused import", "http.send", "json.patch", "time.now_ns",
        "recursive", "no package", "empty",
    ],
)  # fmt: skip
def test_a_policy_that_does_not_compile_is_refused_with_file_line_and_reason(
    real_opa: Path, folder: Make, source: str, line: int, said: str
) -> None:
    with pytest.raises(PolicyError) as raised:
        load(folder(deep__wrong=source))
    error = raised.value
    assert error.file is not None
    assert error.file.endswith("policies/deep/wrong.rego")
    assert error.line == line
    assert said in error.reason
    if source:
        assert error.source == source.splitlines()[line - 1]
    assert f"wrong.rego:{line}" in str(error)
    assert error.exit_code == 2


def test_every_fault_is_told(real_opa: Path, folder: Make) -> None:
    wrong = 'package licet.user.{}\n\ngrant contains "x" if input.nothing\n'
    with pytest.raises(PolicyError) as raised:
        load(folder(a=wrong.format("a"), b=wrong.format("b")))
    assert sorted(Path(fault.file or "").name for fault in raised.value.faults) == ["a.rego", "b.rego"]


def test_a_print_is_left_out_of_what_is_compiled(real_opa: Path, folder: Make) -> None:
    load(folder(a='package licet.user.a\n\ngrant contains "x" if print(input.call.args)\n'))


def test_without_opa_a_folder_is_refused_and_told_how_to_get_it(
    folder: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = folder(shop=RULE)
    monkeypatch.setattr(toolchain, "TOOLCHAIN", tmp_path / "nothing")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LICET_OPA", raising=False)
    with pytest.raises(opa_program.OpaMissing, match="go install"):
        load(place)
    monkeypatch.setenv("LICET_OPA", "/nowhere/opa")
    with pytest.raises(opa_program.OpaMissing, match="/nowhere/opa"):
        load(place)
    load()


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no \.rego file"):
        load(tmp_path)
    with pytest.raises(PolicyError, match="No such file"):
        load(tmp_path / "nothing.tar.gz")


@pytest.mark.parametrize("content", [b"", b"x", b"\x1f\x8b", SHIPPED.read_bytes()[:5000]])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.tar.gz").write_bytes(content)
    with pytest.raises(PolicyError) as raised:
        load(tmp_path / "b.tar.gz")
    assert raised.value.file == str(tmp_path / "b.tar.gz")


def repacked(raw: bytes, **changes: bytes | None) -> bytes:
    """The bundle with some files changed, added or (None) left out."""
    names = {
        "wasm": "policy.wasm",
        "manifest": ".manifest",
        "effects": "licet/effects.rego",
        "mine": "user/mine.rego",
    }
    files = {}
    with tarfile.open(fileobj=BytesIO(raw)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            files[member.name.lstrip("/")] = content.read()
    files.update({names[key]: value for key, value in changes.items()})  # type: ignore[misc]
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, value in files.items():
            if value is not None:
                info = tarfile.TarInfo(name)
                info.size = len(value)
                archive.addfile(info, BytesIO(value))
    return out.getvalue()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"wasm": None}, "missing"),
        ({"wasm": b"\0asm nonsense"}, "no WebAssembly module"),
        ({"wasm": b"\0asm\1\0\0\0"}, "does not import its memory"),
        ({"manifest": b"{}"}, "not compiled for licet/decision"),
        ({"manifest": b'{"wasm": 3}'}, "not compiled for licet/decision"),
        ({"effects": b"package licet.effects\n"}, "build the bundle again"),
        ({"effects": None}, "build the bundle again"),
        ({"mine": b"package licet\n"}, "Licet's own"),
    ],
)
def test_a_bundle_that_is_not_ours_is_refused(
    tmp_path: Path, changes: dict[str, bytes | None], said: str
) -> None:
    (tmp_path / "b.tar.gz").write_bytes(repacked(SHIPPED.read_bytes(), **changes))
    with pytest.raises(PolicyError, match=said):
        load(tmp_path / "b.tar.gz")


def test_repacking_alone_changes_no_revision(tmp_path: Path) -> None:
    (tmp_path / "b.tar.gz").write_bytes(repacked(SHIPPED.read_bytes()))
    assert load(tmp_path / "b.tar.gz").revision == load().revision


def built_by_opa(place: Path, folder: Path, *options: str) -> Path:
    """The bundle that `opa build` makes by itself."""
    for name, content in with_folder(place).files.items():
        (folder / "stage" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "stage" / name).write_bytes(content)
    asked = [word for entrypoint in ENTRYPOINTS for word in ("--entrypoint", entrypoint)]
    build = ["build", "--target", "wasm", *asked, *options, "--bundle", "."]
    bundle = folder / "b.tar.gz"
    subprocess.run([opa_program.find(), *build, "--output", str(bundle)], cwd=folder / "stage", check=True)
    return bundle


def test_a_bundle_that_needs_a_builtin_of_its_host_is_refused_when_loaded(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    source = RULE.replace('"b"', "uri.parse(input.call.args.page).path")
    bundle = built_by_opa(folder(shop=source), tmp_path)
    with pytest.raises(PolicyError, match=r"uri\.parse"):
        load(bundle)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('package licet.user.a\n\n# METADATA\n# entrypoint: true\ngrant contains "x"\n', 4),
        ('# METADATA\n# title: a\n# entrypoint : yes\npackage licet.user.a\n\ngrant contains "x"\n', 3),
        ('package shared\n\n# METADATA\n# scope: document\n# entrypoint: true\nx := 1\n', 5),
    ],
    ids=["rule", "package", "shared"],
)  # fmt: skip
def test_an_entry_point_of_the_users_is_refused_where_it_stands(
    real_opa: Path, folder: Make, source: str, line: int
) -> None:
    with pytest.raises(PolicyError, match="the only entry point is Licet's") as raised:
        load(folder(shop=RULE, sub__a=source))
    assert raised.value.line == line
    assert raised.value.file is not None
    assert raised.value.file.endswith("sub/a.rego")


def test_a_bundle_with_an_entry_point_of_its_own_is_refused_when_loaded(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    bundle = built_by_opa(folder(shop=RULE), tmp_path, "--entrypoint", "licet/user/shop/deny")
    with pytest.raises(PolicyError, match="licet/user/shop/deny: it is an entry point of its own"):
        load(bundle)


@pytest.mark.parametrize(
    "rule",
    [
        'deny contains {"rule": "a", "message": "m"} if not data.shared[input.call.args.x]',
        'deny contains {"rule": "a", "message": "m"} if not data.shared.deep[input.call.args.x].y',
        'deny contains {"rule": "a", "message": "m"} if count([1 | some x in ["y"]; not data.shared[x].z]) > 0',
    ],
)
def test_a_negation_over_rules_that_a_variable_chooses_is_refused(
    real_opa: Path, folder: Make, rule: str
) -> None:
    shared = {"b": "package shared\n\ny := 1\n", "c": "package shared.deep.er\n\ny := 1\n"}
    with pytest.raises(PolicyError, match="a negation over rules") as raised:
        load(folder(a=f"package licet.user.a\n\n{rule}\n", **shared))
    assert raised.value.line == 3


def test_a_negation_over_data_or_a_named_rule_is_not(real_opa: Path, folder: Make) -> None:
    rule = (
        "package licet.user.a\n\nimport data.shared\n\n"
        'deny contains {"rule": "a", "message": "m"} if {\n'
        "\tnot shared.open[input.call.args.x]\n\tnot data.closed[input.call.args.x].y\n"
        "\tevery x in input.call.args.xs { x in {y | some y in data.list; not shared.open[y]} }\n}\n"
    )
    load(
        folder(
            a=rule,
            b='package shared\n\nopen contains "x"\n',
            data_dot_json='{"closed": {"a": {}}, "list": ["z"]}',
        )
    )


async def test_a_rule_that_walks_an_argument_holds_in_process_as_it_does_in_opa(
    real_opa: Path, folder: Make
) -> None:
    rule = (
        'package licet.user.a\n\ndeny contains {"rule": "a.secret", "message": "no", "visible_to_model": false} if {\n'
        '\twalk(input.call.args, [_, value])\n\tvalue == "secret"\n}\n'
    )
    engine = load(folder(a=rule))
    for hidden, allowed in (("secret", False), ("open", True)):
        document = {**INPUT, "call": {**INPUT["call"], "args": {"deep": [1, {"er": hidden}]}}}
        decision = await engine.decide(orjson.dumps(document), "d-1")
        assert decision.allow is allowed


def test_the_capabilities_hold_what_a_compiled_policy_and_its_host_can_do() -> None:
    names = {builtin["name"] for builtin in orjson.loads(CAPABILITIES.read_bytes())["builtins"]}
    assert {"count", "regex.match", "glob.match", "net.cidr_contains", "sprintf", "walk"} <= names
    outside = {
        "http.send",
        "opa.runtime",
        "rand.intn",
        "net.lookup_ip_addr",
        "time.now_ns",
        "json.patch",
        "any",
        "all",
    }
    assert not outside & names
