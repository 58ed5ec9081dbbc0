"""`licet policy`: look at policies before anything is decided by them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from licet.runtime.cli import policy_replay
from licet.runtime.cli.options import AsJson, Policies
from licet.runtime.cli.policy_tests import run_tests
from licet.runtime.cli.terminal import as_json, complain, data, safe, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from licet.audit.events import Decided
    from licet.policies import Fault

app = typer.Typer(help="Check, test, build and try policies.", no_args_is_help=True, rich_markup_mode=None)
app.command("test")(run_tests)
app.command("replay")(policy_replay.replay)
app.command("shadow")(policy_replay.shadow)

Paths = Annotated[
    list[Path],
    typer.Argument(
        metavar="PATH...",
        exists=True,
        help="Folders of Rego, or .rego files; they are added to the shipped library.",
    ),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        exists=True,
        metavar="PATH",
        show_default=False,
        help="More data: a JSON or YAML file, the root of data, or a folder of data.json files. May be given again.",
    ),
]
VerificationKey = Annotated[
    Path | None,
    typer.Option(
        "--verification-key",
        dir_okay=False,
        metavar="FILE",
        show_default=False,
        envvar="LICET_VERIFICATION_KEY",
        help="The public key (PEM) that must have signed the bundle.",
    ),
]


@app.command("check")
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            exists=True,
            help="Folders of Rego, or .rego files, that are added to the shipped library; or a bundle.",
        ),
    ],
    more: Data = None,
    verification_key: VerificationKey = None,
    json: AsJson = False,
) -> None:
    """Say whether a policy could be used as it is, and if not, what is wrong where. Exits 1 when something is.

    Rego is compiled, held against the contract of the input, and read for rules that nothing reads, that lack a
    default, may contradict each other, or may fall silent. A bundle is only made ready to be asked.
    """
    from licet.policies import PolicyError, load
    from licet.policies.checking import check as checked

    faults: Sequence[Fault]
    revision = None
    if len(paths) == 1 and paths[0].is_file() and paths[0].suffix != ".rego":
        try:
            faults, revision = (), load(paths[0], verification_key=verification_key).revision
        except PolicyError as error:
            faults = error.faults
    else:
        found = checked(paths, more or ())
        faults, revision = found.faults, found.bundle.revision if found.bundle else None
    if json:
        as_json({"ok": not faults, "revision": revision, "faults": [_plain(fault) for fault in faults]})
    elif faults:
        complain(str(PolicyError(faults)) if revision is None else "\n".join(str(fault) for fault in faults))
    else:
        say("The policy can be used.", "green")
        say(f"revision {revision}")
    raise typer.Exit(1 if faults else 0)


def _plain(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.file,
        "line": fault.line,
        "column": fault.column,
        "lint": fault.lint,
        "reason": fault.reason,
        "source": fault.source,
    }


@app.command("build")
def build(
    paths: Paths,
    output: Annotated[
        Path, typer.Option("--output", "-o", dir_okay=False, metavar="FILE", help="Where the bundle goes.")
    ] = Path("bundle.tar.gz"),
    more: Data = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision",
            metavar="TEXT",
            show_default=False,
            help="What you call this revision, such as a commit.",
        ),
    ] = None,
    signing_key: Annotated[
        Path | None,
        typer.Option(
            "--signing-key",
            dir_okay=False,
            metavar="FILE",
            show_default=False,
            help="Sign it with this private key (PEM: RSA, or EC on P-256, P-384 or P-521).",
        ),
    ] = None,
    verification_key: VerificationKey = None,
) -> None:
    """Compile Rego, with the shipped library, into one bundle for Licet and for OPA servers."""
    from licet.audit.errors import ConfigurationError
    from licet.policies import toolchain
    from licet.policies.bundle import Bundle
    from licet.policies.inprocess import InProcessEngine
    from licet.policies.library import with_paths
    from licet.policies.server_bundle import for_server
    from licet.policies.signature import BundleKey

    private = BundleKey.private(signing_key) if signing_key else None
    public = BundleKey.public(verification_key) if verification_key else None
    compiled = Bundle.unpack(toolchain.build(with_paths(paths, more or ())))
    packed = for_server(compiled, label=revision, signing_key=private)
    # As it will be read: with the public key that goes with the private one, and ready to be asked.
    InProcessEngine(Bundle.unpack(packed, str(output), verification_key=public))
    try:
        output.write_bytes(packed)
    except OSError as error:
        raise ConfigurationError(f"cannot write {output}: {error.strerror}") from None
    say(f"wrote {safe(str(output))} ({len(packed):,} bytes){', signed' if private else ''}")
    say(f"revision {compiled.revision}")


@app.command("eval")
def evaluate(
    input: Annotated[
        str, typer.Option("--input", metavar="FILE", help="A policy input as JSON; - reads stdin.")
    ],
    policies: Policies = None,
    verification_key: VerificationKey = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Also show OPA's trace: each step in your own rules, and what they printed."
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Ask the policy about one input, as the gate asks it. Exits 1 when it does not allow the call."""
    from licet.audit.clock import new_id
    from licet.audit.errors import ConfigurationError
    from licet.policies import load

    try:
        document = sys.stdin.buffer.read() if input == "-" else Path(input).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {input}: {error.strerror}") from None
    _check_input(document)
    decision = asyncio.run(load(policies, verification_key=verification_key).decide(document, new_id()))
    trace: dict[str, list[str]] = {}
    if explain:
        from licet.policies.trying import explain as explained

        found = explained(policies, document)
        trace = {"trace": found.trace.splitlines(), "printed": found.printed.splitlines()}
    if json:
        as_json(decision.model_dump(mode="json") | trace)
    else:
        _show_decision(decision)
        for title, lines in trace.items():
            if lines:
                say(f"{title}:", "bold")
            for line in lines:
                say(safe(line), indent=2)
    raise typer.Exit(0 if decision.allow else 1)


def _show_decision(decision: Decided) -> None:
    say("allowed" if decision.allow else "denied", "green" if decision.allow else "red")
    for rule in decision.grants:
        say(f"granted by {safe(rule)}", indent=2)
    for denial in decision.denials:
        say(f"{safe(denial.message)} [{safe(denial.rule)}]", indent=2)
    if decision.approval is not None:
        needs = ", ".join(f"{need.count} of {safe(need.group)}" for need in decision.approval.requires)
        say(f"once approved by {needs}: {safe(decision.approval.reason)}", "yellow", indent=2)
    for obligation in decision.obligations:
        say(f"obligation {data(obligation)}", indent=2)
    say(f"revision {decision.revision}", "dim")


def _check_input(document: bytes) -> None:
    import orjson
    from jsonschema import Draft202012Validator

    from licet.audit.errors import ConfigurationError
    from licet.policies.library import INPUT_SCHEMA

    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"the input is not JSON: {error.msg}") from None
    schema = orjson.loads(INPUT_SCHEMA.read_bytes())
    # What stands there is not shown: it may be private.
    missing: dict[str, list[str]] = {}
    faults: list[str] = []
    for fault in Draft202012Validator(schema).iter_errors(value):
        place = fault.json_path
        if fault.validator == "required":
            # Each missing key is a fault of its own, which holds all keys of the place and not the one it is.
            missing[place] = [f"{place}.{key}" for key in fault.validator_value if key not in fault.instance]
        else:
            faults.append(f"{place} ({fault.validator})")
    if missing:
        faults.insert(0, f"missing: {', '.join(path for paths in missing.values() for path in paths)}")
    if faults:
        raise ConfigurationError(
            "this is no policy input, which licet/policies/schema/input.json describes (JSON Schema): "
            + "; ".join(faults[:5])
        )
