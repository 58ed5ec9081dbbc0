"""One bundle for both engines, and signed bundles: what OPA signs we take, what we sign OPA takes, nothing else."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from asking import INPUT, changed, decide
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from opa_process import OpaProcess

from licet.audit.errors import ConfigurationError
from licet.policies import OpaServer, PolicyError, load
from licet.policies.bundle import SHIPPED, Bundle
from licet.policies.library import with_folder
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server
from licet.policies.signature import SIGNATURES, BundleKey, sign, verify

Make = Callable[..., Path]

RULE = 'package licet.user.shop\n\ndeny contains {"rule": "a", "message": "b"} if input.run.step > data.shop.most\n'


class Pair:
    """A private and a public key in PEM files."""

    def __init__(self, folder: Path, name: str, key: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.private, self.public = folder / f"{name}.key", folder / f"{name}.pub"
        self.private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        self.public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("keys")
    return {
        "rsa": Pair(folder, "rsa", rsa.generate_private_key(65537, 2048)),
        "other": Pair(folder, "other", rsa.generate_private_key(65537, 2048)),
        "ec": Pair(folder, "ec", ec.generate_private_key(ec.SECP256R1())),
        "wide": Pair(folder, "wide", ec.generate_private_key(ec.SECP384R1())),
    }


def members(raw: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=BytesIO(raw)) as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            found[member.name.lstrip("/")] = content.read()
    return found


def packed(files: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, value in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(value)
            archive.addfile(info, BytesIO(value))
    return out.getvalue()


@pytest.fixture(scope="module")
def signed(keys: dict[str, Pair]) -> bytes:
    """The shipped policy set, signed with the RSA key."""
    return for_server(policy_set(), signing_key=BundleKey.private(keys["rsa"].private))


def unpack(raw: bytes, pair: Pair) -> Bundle:
    return Bundle.unpack(raw, "b", verification_key=BundleKey.public(pair.public))


async def test_one_bundle_serves_both_engines_under_one_revision(
    real_opa: Path, folder: Make, tmp_path: Path
) -> None:
    place = folder(shop=RULE, shop__data_dot_json='{"most": 3}')
    file = tmp_path / "both.tar.gz"
    file.write_bytes(for_server(policy_set(place), label="v7"))
    ours = load(file)
    assert ours.revision == load(place).revision
    assert ours.bundle == file.read_bytes()
    assert policy_set(file).label == "v7"
    assert for_server(policy_set(file)) == file.read_bytes()
    with OpaProcess(tmp_path, "--bundle", str(file)) as opa:
        async with OpaServer(opa.url, policies=file) as theirs:
            for step, allowed in ((1, True), (4, False)):
                document = changed("run.step", step)
                decision = await decide(ours, document)
                assert decision.allow is allowed
                assert await decide(theirs, document) == decision.model_copy(update={"engine": "opa"})


def test_a_label_is_no_part_of_the_revision() -> None:
    one, other = (Bundle.unpack(for_server(policy_set(), label=label)) for label in ("a", None))
    assert one.revision == other.revision == load().revision
    assert (one.label, other.label) == ("a", None)


def test_the_library_of_another_version_is_refused_in_this_form_too(tmp_path: Path) -> None:
    files = members(for_server(policy_set()))
    for name in ("licet/effects.rego", "licet/decision.rego"):
        altered = files | {name: files[name] + b"\n# altered\n"}
        (tmp_path / "b.tar.gz").write_bytes(packed(altered))
        with pytest.raises(PolicyError, match="build the bundle again"):
            load(tmp_path / "b.tar.gz")


@pytest.mark.parametrize(("name", "algorithm"), [("rsa", "RS256"), ("ec", "ES256"), ("wide", "ES384")])
async def test_what_we_sign_opa_takes(
    real_opa: Path, keys: dict[str, Pair], tmp_path: Path, name: str, algorithm: str
) -> None:
    file = tmp_path / "signed.tar.gz"
    file.write_bytes(for_server(policy_set(), signing_key=BundleKey.private(keys[name].private)))
    demanded = ("--verification-key", str(keys[name].public), "--signing-alg", algorithm)
    with OpaProcess(tmp_path, "--bundle", str(file), *demanded) as opa:
        async with OpaServer(opa.url, policies=file) as engine:
            assert (await decide(engine, INPUT)).allow
    assert unpack(file.read_bytes(), keys[name]).revision == load().revision


def test_opa_refuses_what_was_altered_after_we_signed_it(
    real_opa: Path, keys: dict[str, Pair], signed: bytes, tmp_path: Path
) -> None:
    files = members(signed)
    for number, altered in enumerate((files, files | {"data.json": b'{"x": 1}'})):
        file = tmp_path / f"{number}.tar.gz"
        file.write_bytes(packed(altered))
        done = subprocess.run(
            [real_opa, "build", "--bundle", str(file), "--verification-key", str(keys["rsa"].public),
             "--output", str(tmp_path / "out.tar.gz")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) is (number == 0), done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [("rsa", "RS256"), ("rsa", "RS512"), ("rsa", "PS256"), ("ec", "ES256"), ("wide", "ES384")],
)
def test_what_opa_signs_we_take(
    real_opa: Path, keys: dict[str, Pair], folder: Make, tmp_path: Path, name: str, algorithm: str
) -> None:
    place = folder(shop=RULE, shop__data_dot_json='{"most": 1.50e3, "text": "<&\u2028\u00e9>"}')
    for file, content in with_folder(place).files.items():
        (tmp_path / "stage" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "stage" / file).write_bytes(content)
    subprocess.run(
        [real_opa, "build", "--target", "wasm", "--bundle", ".", "--entrypoint", "licet/decision",
         "--entrypoint", "licet/offered",
         "--signing-key", str(keys[name].private), "--signing-alg", algorithm, "--output", "../signed.tar.gz"],
        cwd=tmp_path / "stage", check=True, capture_output=True,
    )  # fmt: skip
    raw = (tmp_path / "signed.tar.gz").read_bytes()
    assert SIGNATURES in members(raw)
    assert unpack(raw, keys[name]).data
    with pytest.raises(PolicyError, match="not signed by the key"):
        unpack(raw, keys["other"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=25)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans())
def test_data_of_any_kind_has_the_digest_that_opa_gives_it(
    real_opa: Path, keys: dict[str, Pair], tmp_path_factory: pytest.TempPathFactory, data: Any, ascii: bool
) -> None:
    folder = tmp_path_factory.mktemp("digest")
    document = json.dumps(data, ensure_ascii=ascii, indent=1).encode("utf-8", "surrogatepass")
    (folder / "data.json").write_bytes(document)
    subprocess.run(
        [real_opa, "sign", "--bundle", "--signing-key", str(keys["rsa"].private), "."],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    files = {"data.json": document, SIGNATURES: (folder / SIGNATURES).read_bytes()}
    verify(files, BundleKey.public(keys["rsa"].public), "b")


@pytest.mark.parametrize(
    "name", [".manifest", "data.json", "policy.wasm", "licet/effects.rego", "licet/decision.rego"]
)
def test_a_file_that_was_altered_is_named(keys: dict[str, Pair], signed: bytes, name: str) -> None:
    files = members(signed)
    content = files[name]
    altered = b'{"a": 1}' if name.endswith(("json", "manifest")) else content[:-1] + b"X"
    with pytest.raises(PolicyError, match=f"{name} is not as it was signed"):
        unpack(packed(files | {name: altered}), keys["rsa"])


def test_what_is_said_otherwise_but_means_the_same_is_the_same(keys: dict[str, Pair], signed: bytes) -> None:
    files = members(signed)
    respelt = json.dumps(json.loads(files[".manifest"]), indent=4).encode()
    assert unpack(packed(files | {".manifest": respelt}), keys["rsa"]).revision == load().revision


def test_a_file_more_or_less_is_refused(keys: dict[str, Pair], signed: bytes) -> None:
    files = members(signed)
    with pytest.raises(PolicyError, match=r"user/more\.rego is not in the signature"):
        unpack(packed(files | {"user/more.rego": b"package licet.user.more\n"}), keys["rsa"])
    del files["licet/effects.rego"]
    with pytest.raises(PolicyError, match=r"licet/effects\.rego was signed, and is missing"):
        unpack(packed(files), keys["rsa"])


def token(header: dict[str, str], claims: Any, signature: bytes = b"") -> bytes:
    parts = [orjson.dumps(header), orjson.dumps(claims), signature]
    encoded = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    return orjson.dumps({"signatures": [encoded]})


def forged(files: dict[str, bytes], public: bytes) -> list[bytes]:
    import hashlib
    import hmac

    claims = json.loads(
        base64.urlsafe_b64decode(json.loads(files[SIGNATURES])["signatures"][0].split(".")[1] + "==")
    )
    with_secret = json.loads(token({"alg": "HS256"}, claims))["signatures"][0].rpartition(".")[0]
    mac = hmac.new(public, with_secret.encode(), hashlib.sha256).digest()
    return [
        token({"alg": "none"}, claims),
        token({"alg": "RS256"}, claims),
        token({"alg": "HS256"}, claims, mac),
        token({"alg": "RS256"}, claims, b"x" * 256),
    ]


def test_a_forged_signature_is_refused(keys: dict[str, Pair], signed: bytes) -> None:
    files = members(signed)
    for forgery in forged(files, keys["rsa"].public.read_bytes()):
        with pytest.raises(PolicyError, match="not signed by the key"):
            unpack(packed(files | {SIGNATURES: forgery}), keys["rsa"])


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"signatures": []}', b'{"signatures": ["a", "b"]}', b'{"signatures": [3]}'],
)
def test_signatures_of_another_form_are_refused(keys: dict[str, Pair], signed: bytes, content: bytes) -> None:
    with pytest.raises(PolicyError):
        unpack(packed(members(signed) | {SIGNATURES: content}), keys["rsa"])


def test_a_weak_or_unknown_digest_is_refused(keys: dict[str, Pair]) -> None:
    from joserfc import jws
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(keys["rsa"].private.read_bytes())
    for claims in (
        {"files": [{"name": "a", "hash": "d41d8cd98f00b204e9800998ecf8427e", "algorithm": "MD5"}]},
        {"files": [{"name": "a", "hash": "", "algorithm": "SHA-256"}] * 2},
        {"files": [{"name": "a"}]},
        {"files": [], "scope": "read"},
        {},
    ):
        made = jws.serialize_compact({"alg": "RS256"}, json.dumps(claims), key)
        with pytest.raises(PolicyError):
            verify(
                {"a": b"", SIGNATURES: orjson.dumps({"signatures": [made]})},
                BundleKey.public(keys["rsa"].public),
                "b",
            )


def test_a_large_bundle_can_be_signed(keys: dict[str, Pair]) -> None:
    files = {f"user/{number}.rego": b"package a\n" for number in range(3000)}
    files[SIGNATURES] = sign(files, BundleKey.private(keys["rsa"].private))
    verify(files, BundleKey.public(keys["rsa"].public), "b")


def test_where_a_key_is_demanded_only_what_it_signed_is_loaded(
    keys: dict[str, Pair], signed: bytes, folder: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "signed.tar.gz"
    file.write_bytes(signed)
    assert load(file).revision == load(file, verification_key=keys["rsa"].public).revision
    with pytest.raises(PolicyError, match="not signed by the key"):
        load(file, verification_key=keys["other"].public)
    with pytest.raises(PolicyError, match="not signed by the key"):
        load(file, verification_key=keys["ec"].public)
    with pytest.raises(PolicyError, match="is not signed, and a key"):
        load(SHIPPED, verification_key=keys["rsa"].public)
    monkeypatch.setenv("LICET_VERIFICATION_KEY", str(keys["rsa"].public))
    load(file)
    load()
    with pytest.raises(PolicyError, match="is not signed, and a key"):
        load(SHIPPED)
    with pytest.raises(PolicyError, match="a folder is not signed"):
        load(folder(shop=RULE))
    with pytest.raises(PolicyError, match="is not signed, and a key"):
        OpaServer("http://127.0.0.1:1", policies=SHIPPED)


def test_what_is_no_key_is_said(keys: dict[str, Pair], tmp_path: Path) -> None:
    small = Pair(tmp_path / "small", "small", rsa.generate_private_key(65537, 1024))
    curve = Pair(tmp_path / "curve", "curve", ec.generate_private_key(ec.SECP256K1()))
    (tmp_path / "secret").write_text("a shared secret")
    for wrong in (small.public, curve.public, tmp_path / "secret", keys["rsa"].private):
        with pytest.raises(ConfigurationError, match="no public key that signs bundles") as raised:
            BundleKey.public(wrong)
        assert "shared secret" not in str(raised.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        BundleKey.private(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="no private key"):
        BundleKey.private(keys["rsa"].public)
