"""`licet policy`: look at policies before anything is decided by them."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from licet.runtime.cli import policy_replay
from licet.runtime.cli.options import AsJson, Policies
from licet.runtime.cli.terminal import as_json, complain, data, safe, say

app = typer.Typer(help="Check, build and try policies.", no_args_is_help=True, rich_markup_mode=None)
app.command("replay")(policy_replay.replay)
app.command("shadow")(policy_replay.shadow)

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        exists=True,
        file_okay=False,
        help="A folder of Rego; it is added to the shipped library.",
    ),
]


@app.command("check")
def check(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            exists=True,
            help="A bundle, or a folder of Rego that is added to the shipped library.",
        ),
    ],
    json: AsJson = False,
) -> None:
    """Say whether a policy could be used as it is, and if not, what is wrong where."""
    from licet.policies import PolicyError, load

    try:
        engine = load(path)
    except PolicyError as error:
        if json:
            faults = [
                {"file": fault.file, "line": fault.line, "reason": fault.reason, "source": fault.source}
                for fault in error.faults
            ]
            as_json({"ok": False, "revision": None, "faults": faults})
        else:
            complain(str(error))
        raise typer.Exit(1) from None
    if json:
        as_json({"ok": True, "revision": engine.revision, "faults": []})
    else:
        say("The policy can be used.", "green")
        say(f"revision {engine.revision}")


@app.command("build")
def build(
    path: Folder,
    output: Annotated[
        Path, typer.Option("--output", "-o", dir_okay=False, metavar="FILE", help="Where the bundle goes.")
    ] = Path("bundle.tar.gz"),
) -> None:
    """Compile a folder of Rego, with the shipped library, into a bundle whose users need no opa."""
    from licet.audit.errors import ConfigurationError
    from licet.policies import load

    engine = load(path)
    try:
        output.write_bytes(engine.bundle)
    except OSError as error:
        raise ConfigurationError(f"cannot write {output}: {error.strerror}") from None
    say(f"wrote {safe(str(output))} ({len(engine.bundle):,} bytes)")
    say(f"revision {engine.revision}")


@app.command("eval")
def evaluate(
    input: Annotated[
        str, typer.Argument(metavar="INPUT", help="A file with a policy input as JSON; - reads stdin.")
    ],
    policies: Policies = None,
    json: AsJson = False,
) -> None:
    """Ask the policy about one input. Exits 1 when it does not allow the call."""
    from licet.audit.clock import new_id
    from licet.audit.errors import ConfigurationError
    from licet.policies import load

    try:
        document = sys.stdin.buffer.read() if input == "-" else Path(input).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {input}: {error.strerror}") from None
    _check_input(document)
    decision = asyncio.run(load(policies).decide(document, new_id()))
    if json:
        as_json(decision.model_dump(mode="json"))
    else:
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
    raise typer.Exit(0 if decision.allow else 1)


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
