"""The cookbook's policies: they compile, their Rego tests pass, and through the gate they do as they say."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from cookbook_desk import COOKBOOK, Desk, compiled, desk
from opa_process import OpaProcess

from licet import Limits
from licet.policies import OpaServer
from licet.policies.library import CAPABILITIES, LIBRARY
from licet.policies.load import policy_set
from licet.policies.server_bundle import for_server

POLICIES = sorted(place.name for place in COOKBOOK.iterdir() if place.is_dir())

pytestmark = pytest.mark.usefixtures("real_opa")


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_compiles_by_opa_itself_and_by_licet(real_opa: Path, tmp_path: Path, name: str) -> None:
    build = [
        real_opa, "build", "--target", "wasm", "--entrypoint", "licet/decision", "--capabilities", CAPABILITIES,
        "--ignore", "*_test.rego", "--output", tmp_path / "bundle.tar.gz", LIBRARY, COOKBOOK / name,
    ]  # fmt: skip
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert compiled(COOKBOOK / name).revision != compiled().revision


@pytest.mark.parametrize("name", POLICIES)
def test_a_policys_own_tests_pass_and_reach_each_of_its_lines(real_opa: Path, name: str) -> None:
    command = [real_opa, "test", LIBRARY / "library", COOKBOOK / name]
    done = subprocess.run([*command, "--fail-on-empty"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    covered = subprocess.run([*command, "--coverage"], capture_output=True, check=True)
    files = orjson.loads(covered.stdout)["files"]
    (lines,) = [found for path, found in files.items() if path.endswith(f"{name}/policy.rego")]
    source = (COOKBOOK / name / "policy.rego").read_text().splitlines()
    missed = {source[part["start"]["row"] - 1] for part in lines.get("not_covered", ())}
    # A constant is put in its place when it is compiled, and counts as reached by nobody.
    assert [line for line in sorted(missed) if not re.match(r"\w+ := \{", line)] == []


def test_the_policies_are_formatted(real_opa: Path) -> None:
    done = subprocess.run([real_opa, "fmt", "--fail", "--list", COOKBOOK], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


async def refunds(at: Desk) -> None:
    await at.allows("issue_refund", order="O-1", amount="100.00")
    await at.asks({"managers": 1}, "issue_refund", order="O-1", amount="100.01")
    await at.asks({"managers": 2}, "issue_refund", order="O-1", amount="1000.01")
    await at.denies("refund_limits.never", "issue_refund", order="O-1", amount="5000.01")
    await at.allows("note", text="another tool")
    assert at.done == ["paid 100", "paid 100.01", "paid 1000.01", "noted another tool"]


async def test_refund_limits(tmp_path: Path) -> None:
    async with desk("refund_limits", tmp_path) as at:
        await refunds(at)


async def test_mail_domains(tmp_path: Path) -> None:
    async with desk("mail_domains", tmp_path) as at:
        known = ["ann@acme.example", "bob@eu.partner.example"]
        await at.allows("send_mail", to=known, body="Hello")
        await at.allows("send_mail", to=known, cc="cat@acme.example", body="Hello")
        for wrong in (["eve@evil.example"], [*known, "eve@evil.example"], [], ["Ann <ann@acme.example>"]):
            await at.denies("mail_domains.unknown", "send_mail", to=wrong, body="Hello")
        await at.denies("mail_domains.unknown", "send_mail", to=known, cc="eve@evil.example", body="Hello")
        many = [f"p{number}@acme.example" for number in range(6)]
        await at.asks({"any": 1}, "send_mail", to=many, body="Hello")


async def test_sql_read_only(tmp_path: Path) -> None:
    async with desk("sql_read_only", tmp_path) as at:
        await at.allows("query", sql="SELECT count(*) FROM orders WHERE customer = 'O''Brien'")
        for wrong in (
            "DELETE FROM orders",
            "SELECT 1; DROP TABLE orders",
            "SELECT pg_sleep(60)",
            "SELECT 1 --",
        ):
            await at.denies("sql_read_only.writes", "query", sql=wrong)


def on(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, 0, tzinfo=UTC)


async def changes(
    folder: Path,
    engine: OpaServer | None = None,
    *,
    commander: frozenset[str] = frozenset({"incident_commander"}),
) -> None:
    for name in ("open", "closed", "incident"):
        (folder / name).mkdir()
    async with desk("change_window", folder / "open", now=on(2, 9), engine=engine) as at:
        await at.allows("deploy", service="shop")
    async with desk("change_window", folder / "closed", now=on(7, 9), engine=engine) as at:
        await at.denies("change_window.closed", "deploy", service="shop")
        await at.allows("look_at", service="shop")
    async with desk("change_window", folder / "incident", now=on(7, 9), roles=commander, engine=engine) as at:
        await at.asks({"on_call": 2}, "deploy", service="shop")


async def test_change_window(tmp_path: Path) -> None:
    await changes(tmp_path)


async def test_four_eyes(tmp_path: Path) -> None:
    checker, maker = frozenset({"payments_checker"}), frozenset({"payments_maker"})
    for name in ("checker", "maker", "both"):
        (tmp_path / name).mkdir()
    async with desk("four_eyes", tmp_path / "checker", roles=checker) as at:
        await at.asks({"treasury": 1}, "release_payment", number="P-max")
        own = "licet.library.separation.requester_may_not_approve"
        await at.denies(own, "release_payment", number="P-cleo")
        await at.denies(own, "release_payment", number="unknown")
        await at.denies("four_eyes.role", "prepare_payment", payee="max")
    async with desk("four_eyes", tmp_path / "maker", roles=maker) as at:
        await at.allows("prepare_payment", payee="max")
        await at.denies("four_eyes.role", "release_payment", number="P-max")
        await at.denies("four_eyes.run", "release_payment", number="P-max")
    async with desk("four_eyes", tmp_path / "both", roles=maker | checker) as at:
        await at.denies("four_eyes.role", "release_payment", number="P-max")


async def test_spend_brake(tmp_path: Path) -> None:
    async with desk("spend_brake", tmp_path, limits=Limits(spend="1.00")) as at:
        for number in range(4):
            await at.allows("search", words=f"{number}")
        await at.asks({"any": 1}, "search", words="at eighty percent")
        await at.denies("spend_brake.stop", "note", text="all is spent")


async def test_residency(tmp_path: Path) -> None:
    for name in ("home", "abroad", "nowhere"):
        (tmp_path / name).mkdir()
    regions = {"acme": {"regions": ["eu-west", "eu-north"]}, "globex": {"regions": ["us-east"]}}
    home = {"region": "eu-west"}
    async with desk("residency", tmp_path / "home", environment=home, tenant_data=regions) as at:
        await at.allows("read_customer", customer="C-eu-west")
        await at.asks({"data_protection": 1}, "read_customer", customer="C-eu-north")
        await at.denies("residency.data", "read_customer", customer="C-us-east")
    abroad = {"region": "us-east"}
    async with desk("residency", tmp_path / "abroad", environment=abroad, tenant_data=regions) as at:
        await at.denies("residency.agent", "read_customer", customer="C-eu-west")
    async with desk("residency", tmp_path / "nowhere", tenant="unknown", tenant_data=regions) as at:
        await at.denies("residency.data", "read_customer", customer="C-eu-west")
        await at.allows("note", text="no customer's data")


async def test_personal_data(tmp_path: Path) -> None:
    async with desk("personal_data", tmp_path) as at:
        await at.allows("ask_partner", city="Bern")
        await at.denies("personal_data.sent", "ask_partner", city="Bern", account="DE02120300000000202051")
        await at.asks({"data_protection": 1}, "ask_partner", text="How is the weather?")
        await at.allows("note", text="our own tool")


async def test_write_rate(tmp_path: Path) -> None:
    async with desk("write_rate", tmp_path) as at:
        await at.allows("send_mail", to=[], body="one")
        await at.denies("write_rate.tool", "send_mail", to=[], body="two")
        await at.allows("note", text="two")
        await at.allows("note", text="three")
        await at.asks({"any": 1}, "note", text="four")
        await at.asks({"any": 1}, "note", text="five")
        await at.denies("write_rate.most", "note", text="six")
        await at.allows("look_at", service="shop")


async def test_file_root(tmp_path: Path) -> None:
    async with desk("file_root", tmp_path) as at:
        await at.allows("read_file", path="/srv/reports/2026/march.md")
        await at.allows("write_file", path="/srv/drafts/agent/a.md", content="x")
        await at.asks({"any": 1}, "write_file", path="/srv/drafts/a.md", content="x")
        for wrong in ("/etc/passwd", "/srv/reports/../../etc/passwd", "reports/a.md", "~/.ssh/id_ed25519"):
            await at.denies("file_root.outside", "read_file", path=wrong)
        await at.denies("file_root.outside", "write_file", path="/srv/reports/a.md", content="x")


async def test_allowed_hosts(tmp_path: Path) -> None:
    async with desk("allowed_hosts", tmp_path) as at:
        await at.allows("fetch", url="https://docs.acme.example/refunds")
        await at.allows("post", url="https://api.acme.example/orders")
        for wrong in (
            "https://evil.example/",
            "http://docs.acme.example/",
            "https://a.acme.example@evil.example/",
        ):
            await at.denies("allowed_hosts.http", "fetch", url=wrong)
        await at.denies("allowed_hosts.http", "post", url="https://docs.acme.example/refunds")
        await at.asks({"on_call": 1}, "run_command", host="web-1", command="uptime")
        await at.denies("allowed_hosts.shell", "run_command", host="web-1", command="uptime; reboot")
        await at.denies("allowed_hosts.shell", "run_command", host="db-1", command="uptime")


def test_each_policy_is_tried_through_the_gate() -> None:
    assert len(POLICIES) >= 8
    assert [name for name in POLICIES if f"test_{name}" not in globals()] == []


def server(folder: Path, policy: str) -> OpaProcess:
    packed = folder / f"{policy}.tar.gz"
    packed.write_bytes(for_server(policy_set(COOKBOOK / policy)))
    return OpaProcess(folder, "--bundle", str(packed))


async def test_refund_limits_as_an_opa_server_decides(tmp_path: Path) -> None:
    with server(tmp_path, "refund_limits") as opa:
        engine = OpaServer(opa.url, policies=COOKBOOK / "refund_limits")
        async with desk("refund_limits", tmp_path, engine=engine) as at:
            await refunds(at)


async def test_change_window_as_an_opa_server_decides(tmp_path: Path) -> None:
    with server(tmp_path, "change_window") as opa:
        await changes(tmp_path, OpaServer(opa.url, policies=COOKBOOK / "change_window"))
