"""OPA's toolchain as Licet carries it: one WebAssembly file (policies/opa) for every platform, run under wasmtime.

It gets a JSON request on standard input and gives a JSON answer on standard output. It has no file, no network and no
environment of this machine, so nothing of them can get into what it makes. To compile it to machine code takes about
ten seconds; what comes of it is kept in the user's cache directory (see `licet.policies.cache`).
"""

from __future__ import annotations

import atexit
import base64
import lzma
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from licet.policies.answer import parse
from licet.policies.bundle import unpacked
from licet.policies.errors import Fault, PolicyError
from licet.policies.verdicts import Evaluation, Problem, Refused, TestRun, test_results

if TYPE_CHECKING:
    from wasmtime import Engine, Module

TOOLCHAIN = Path(__file__).parent / "opa" / "opa.wasm.xz"
"""Where `make toolchain` puts it, and releases have it."""

_TIMEOUT = 60.0
"""Seconds that one request may take."""

_MEMORY = 2 << 30
"""Bytes that one request may take."""

_STACK = 256 << 20
"""Bytes of stack: OPA's parser and compiler are recursive, and expect Go's, which grow."""

_STACK_SPARE = 16 << 20

_T = TypeVar("_T")


class Carried:
    """The toolchain that Licet carries. Any number of threads may share one; it does one thing at a time."""

    name = "the toolchain that Licet carries"

    def __init__(self, file: Path = TOOLCHAIN) -> None:
        self._file = file
        self._lock = threading.Lock()

    def version(self) -> str:
        """OPA's version, such as `1.22.0`."""
        return str(self._ask("version")["version"])

    def check(
        self, files: Mapping[str, bytes], *, capabilities: bytes | None, schema: bytes | None, strict: bool
    ) -> tuple[Problem, ...]:
        """What `opa check` says: nothing, when the files compile."""
        try:
            self._ask("check", files, capabilities=_json(capabilities), schema=_json(schema), strict=strict)
        except Refused as refused:
            return refused.problems
        return ()

    def build(self, files: Mapping[str, bytes], *, entrypoints: Sequence[str], capabilities: bytes) -> bytes:
        """The bundle that `opa build --target wasm` makes."""
        said = self._ask("build", files, capabilities=_json(capabilities), entrypoints=list(entrypoints))
        return base64.b64decode(said["bundle"])

    def plan(
        self, files: Mapping[str, bytes], *, entrypoints: Sequence[str], capabilities: bytes
    ) -> dict[str, Any]:
        """The plan that `opa build --target plan` makes."""
        said = self._ask("plan", files, capabilities=_json(capabilities), entrypoints=list(entrypoints))
        plan: dict[str, Any] = orjson.loads(unpacked(base64.b64decode(said["bundle"]))["plan.json"])
        return plan

    def test(self, files: Mapping[str, bytes], *, coverage: bool) -> TestRun:
        """What `opa test` says, and what the tests covered when all passed."""
        run = TestRun(test_results(self._ask("test", files)["tests"]))
        if not coverage or not run.passed:
            return run
        return TestRun(run.results, self._ask("coverage", files)["coverage"])

    def evaluate(self, files: Mapping[str, bytes], query: str, input: bytes, *, explain: bool) -> Evaluation:
        """What `opa eval` says of a query."""
        said = self._ask("eval", files, query=query, input=orjson.Fragment(input), explain=explain)
        result = said.get("result")
        value = result[0]["expressions"][0]["value"] if result else None
        return Evaluation(value, said.get("trace", ""), said.get("printed", ""))

    def parse(self, files: Mapping[str, bytes]) -> dict[str, Any]:
        """The syntax tree of each `.rego` file."""
        return dict(self._ask("parse", files).get("modules", {}))

    def _ask(self, verb: str, files: Mapping[str, bytes] | None = None, **more: Any) -> dict[str, Any]:
        encoded = {name: base64.b64encode(content).decode() for name, content in (files or {}).items()}
        given = {key: value for key, value in more.items() if value is not None}
        request = orjson.dumps({"verb": verb, "files": encoded, **given})
        with self._lock:
            answer: dict[str, Any] = parse(_deep(lambda: self._run(verb, request)))
        if errors := answer.get("errors"):
            raise Refused([Problem.of(error) for error in errors])
        return answer

    def _run(self, verb: str, request: bytes) -> bytes:
        from wasmtime import ExitTrap, Linker, Store, Trap, TrapCode, WasiConfig

        engine, module = self._compiled
        with tempfile.TemporaryDirectory(prefix="licet-opa-") as folder:
            asked, said, complained = (Path(folder, name) for name in ("in", "out", "err"))
            asked.write_bytes(request)
            wasi = WasiConfig()
            wasi.argv = ["opa"]
            wasi.stdin_file, wasi.stdout_file, wasi.stderr_file = str(asked), str(said), str(complained)
            store = Store(engine)
            store.set_wasi(wasi)
            store.set_epoch_deadline(1)
            store.set_limits(memory_size=_MEMORY)
            linker = Linker(engine)
            linker.define_wasi()
            start = linker.instantiate(store, module).exports(store)["_start"]
            watch = threading.Timer(_TIMEOUT, engine.increment_epoch)
            watch.daemon = True
            watch.start()
            try:
                start(store)  # type: ignore[operator]
            except ExitTrap as trap:
                if trap.code:
                    raise _failed(verb, complained) from None
            except Trap as trap:
                if trap.trap_code == TrapCode.INTERRUPT:
                    raise PolicyError(Fault(f"opa {verb} took more than {_TIMEOUT:.0f} seconds")) from None
                if trap.trap_code == TrapCode.STACK_OVERFLOW:
                    raise PolicyError(
                        Fault(f"opa {verb}: the policy, or its data, is nested too deep")
                    ) from None
                raise _failed(verb, complained) from None
            finally:
                watch.cancel()
            return said.read_bytes()

    @cached_property
    def _compiled(self) -> tuple[Engine, Module]:
        from wasmtime import Config, Engine, Module
        from wasmtime import _ffi as ffi

        from licet.policies.cache import ModuleCache

        packed = self._file.read_bytes()
        config = Config()
        config.epoch_interruption = True
        config.cranelift_opt_level = "none"  # compiles in half the time, and is no slower to run
        ffi.wasmtime_config_async_stack_size_set(
            config.ptr(), _STACK
        )  # wasmtime wants it no smaller than the other
        config.max_wasm_stack = _STACK - _STACK_SPARE
        engine = Engine(config)
        cached = ModuleCache(packed, "epoch,unoptimized,deep-stack", folder="toolchain", kept=2)
        module = cached.load(engine)
        if module is None:
            with _told():
                module = Module(engine, lzma.decompress(packed))
                cached.store(module)
        # As the interpreter ends, wasmtime's own functions go before what they would free.
        atexit.register(self.__dict__.pop, "_compiled", None)
        return engine, module


def _json(document: bytes | None) -> orjson.Fragment | None:
    return None if document is None else orjson.Fragment(document)


def _failed(verb: str, complained: Path) -> PolicyError:
    said = complained.read_text(errors="replace").strip().partition("\n")[0]
    if said.startswith("there is no verb"):
        return PolicyError(
            Fault(
                f"the toolchain in this checkout is older than its sources, and cannot {verb}: build it again with "
                "`make toolchain`, which takes Go; or take the opa program: LICET_OPA=opa"
            )
        )
    return PolicyError(Fault(f"opa {verb} failed: {said or 'it said nothing'}"))


def _deep(work: Callable[[], _T]) -> _T:
    """Do the work on a thread with a deep stack. An interrupt from the keyboard is not held up by it."""
    done: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            failed.append(error)

    with _SIZING:
        before = threading.stack_size(_STACK)
        try:
            thread = threading.Thread(target=run, name="licet-opa", daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


_SIZING = threading.Lock()
"""The size of a new thread's stack is a setting of the whole process."""


@contextmanager
def _told() -> Iterator[None]:
    """Say on a terminal what takes so long."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    what = "Preparing OPA's compiler for this machine, once, which takes about ten seconds"
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        progress.add_task(what, total=None)
        yield
