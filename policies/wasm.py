"""A thin binding of OPA's WebAssembly ABI (version 1.2 and later) under wasmtime.

The ABI: https://www.openpolicyagent.org/docs/wasm. One call of `opa_eval` is one evaluation: the input
lies, as JSON text, at the base of the heap, and the result is a C string of JSON.

What every evaluation calls goes straight to wasmtime's C API: `Func.__call__` looks up the function's type
each time and `Memory.write` copies twice, which together take three times as long as an evaluation.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from wasmtime import (
    Config,
    Engine,
    Func,
    Global,
    Instance,
    Limits,
    Memory,
    MemoryType,
    Module,
    Store,
    Trap,
    TrapCode,
    WasmtimeError,
)
from wasmtime import _ffi as ffi

from licet.policies.cache import ModuleCache
from licet.policies.errors import Fault, PolicyError
from licet.policies.ticker import Ticker

INPUT_LIMIT = 1 << 20
"""The largest input that is evaluated, in bytes. There is room for it in every instance from the start."""

MEMORY_LIMIT = 256 << 20
"""The most memory that one instance can have, in bytes. An evaluation that needs more is stopped."""

_KEEP_LIMIT = 16 << 20
"""An instance that has grown beyond this is not kept, for its memory can never shrink."""

_PAGE = 1 << 16

if TYPE_CHECKING:
    from licet.policies.host import Host

_T = TypeVar("_T")

# What the policy imports. `opa_abort` must not return (OPA's C code goes on from it into undefined
# behaviour), so it notes where its message lies and traps, without a way through Python. The doors of the builtins
# are those of a policy that needs none of its host; one that does gets `licet.policies.host` behind them.
_HOST = """
(module
  (global (export "message") (mut i32) (i32.const 0))
  (func (export "opa_abort") (param i32) (global.set 0 (local.get 0)) unreachable)
  (func (export "opa_println") (param i32))
  (func (export "opa_builtin0") (param i32 i32) (result i32) unreachable)
  (func (export "opa_builtin1") (param i32 i32 i32) (result i32) unreachable)
  (func (export "opa_builtin2") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "opa_builtin3") (param i32 i32 i32 i32 i32) (result i32) unreachable)
  (func (export "opa_builtin4") (param i32 i32 i32 i32 i32 i32) (result i32) unreachable))
"""
_ARITIES = {f"opa_builtin{arity}": arity for arity in range(5)}
_HOST_NAMES = {"opa_abort", "opa_println", *_ARITIES}


class EvaluationFailed(Exception):
    """There is no result; the message says why, in words that follow "no decision:"."""


@dataclass(frozen=True, slots=True)
class _Host:
    engine: Engine
    ticker: Ticker
    module: Module


_STARTING = threading.Lock()


def _host() -> _Host:
    with _STARTING:
        return _start_host()


@cache
def _start_host() -> _Host:
    config = Config()
    config.epoch_interruption = True
    config.memory_may_move = False
    engine = Engine(config)
    return _Host(engine, Ticker(engine), Module(engine, _HOST))


@lru_cache(maxsize=8)
def _compiled(wasm: bytes) -> Module:
    engine = _host().engine
    cached = ModuleCache(wasm, config="epoch,fixed-memory")
    module = cached.load(engine)
    if module is None:
        try:
            module = Module(engine, wasm)
        except WasmtimeError as error:
            raise PolicyError(Fault(f"the compiled policy is no WebAssembly module: {error}")) from None
        cached.store(module)
    return module


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled policy, which any number of threads can share. `prepare` makes one.

    Attributes:
        data: the base documents, a JSON object.
        ticks: after so many ticks of the process's ticker an evaluation is stopped.
        entrypoint: the number of the document to evaluate.
        brought: the most that it brings along into its memory, in pages.
        builtins: the policy's number of each builtin that it calls in its host, by name.
    """

    module: Module
    data: bytes
    ticks: int
    entrypoint: int
    brought: int
    builtins: Mapping[str, int] = field(default_factory=dict)


def prepare(wasm: bytes, data: bytes, entrypoint: str, deadline: float) -> Policy:
    """Compile a policy, or take it from the cache, and see that it can be evaluated here.

    Args:
        wasm: what `opa build -t wasm` made.
        data: the base documents, a JSON object.
        entrypoint: the document to evaluate, such as `licet/decision`.
        deadline: seconds.

    Raises:
        PolicyError: it is no policy module of an ABI we know, needs a builtin that only a host could give,
            or has no such entry point.
    """
    policy = _load(wasm, data, deadline)
    try:
        instance = PolicyInstance(policy)
        builtins = instance.builtins()
        if missing := _not_given(builtins):
            raise PolicyError(
                Fault(
                    f"the compiled policy calls {', '.join(sorted(missing))}, which Licet does not provide; "
                    "build it with `--capabilities` and the capabilities.json of licet.policies"
                )
            )
        entrypoints = instance.entrypoints()
    except (Trap, WasmtimeError, EvaluationFailed) as error:
        raise PolicyError(Fault(f"the compiled policy does not start: {error}")) from None
    if entrypoint not in entrypoints:
        raise PolicyError(Fault(f"the compiled policy has no entry point {entrypoint}"))
    return replace(policy, entrypoint=entrypoints[entrypoint], builtins=builtins)


def _not_given(builtins: Mapping[str, int]) -> set[str]:
    if not builtins:
        return set()
    from licet.policies.builtins import BUILTINS  # they take 25 ms to import, and most policies need none

    return builtins.keys() - BUILTINS.keys()


def _host_of(instance: PolicyInstance, policy: Policy) -> Host | None:
    if not policy.builtins:
        return None
    from licet.policies.host import Host

    return Host(policy.builtins, instance)


def required_builtins(wasm: bytes) -> set[str]:
    """The builtins that a compiled policy would call in its host.

    Raises:
        PolicyError: it is no policy module of an ABI we know.
    """
    return set(PolicyInstance(_load(wasm, b"{}", deadline=1.0)).builtins())


def _load(wasm: bytes, data: bytes, deadline: float) -> Policy:
    module = _compiled(wasm)
    _check_imports(module)
    # OPA 1.22 works out the least memory before it appends its last table, which may reach beyond. What is copied
    # into the memory at the start stands in the module, so that much more is enough for any.
    brought = -(-len(wasm) // _PAGE)
    return Policy(module, data, _host().ticker.ticks(deadline), entrypoint=0, brought=brought)


def _check_imports(module: Module) -> None:
    if not any(item.name == "memory" and isinstance(item.type, MemoryType) for item in module.imports):
        raise PolicyError(Fault("the compiled policy does not import its memory, as OPA's ABI has it"))
    for item in module.imports:
        if item.module != "env" or item.name not in _HOST_NAMES | {"memory"}:
            raise PolicyError(
                Fault(f"the compiled policy imports {item.module}.{item.name}, which no policy of OPA's does")
            )


class PolicyInstance:
    """A policy with a memory of its own, for one thread at a time. `EvaluationFailed` spends it."""

    def __init__(self, policy: Policy) -> None:
        host = _host()
        self._ticker = host.ticker
        self._ticks = policy.ticks
        self._store = store = Store(host.engine)
        self._ticker.evaluation()
        store.set_epoch_deadline(self._ticks)
        helpers = Instance(store, host.module, []).exports(store)
        self._message = _as(helpers["message"], Global)
        self._builtins = _host_of(self, policy)
        imports: list[Func | Memory] = []
        for item in policy.module.imports:
            if isinstance(item.type, MemoryType):
                limits = Limits(item.type.limits.min + policy.brought, MEMORY_LIMIT // _PAGE)
                self._memory = Memory(store, MemoryType(limits))
                imports.append(self._memory)
            elif self._builtins and item.name in _ARITIES:
                imports.append(self._builtins.function(store, _ARITIES[item.name]))
            else:
                imports.append(_as(helpers[item.name or ""], Func))
        self._exports = Instance(store, policy.module, imports).exports(store)
        major, minor = (
            _as(self._exports.get(f"opa_wasm_abi_{part}"), Global).value(store)
            for part in ("version", "minor_version")
        )
        if major != 1 or minor < 2:
            raise PolicyError(
                Fault(f"the compiled policy has OPA's ABI {major}.{minor}; 1.2 or later is needed")
            )
        self._start = ctypes.addressof(self._memory.data_ptr(store).contents)
        data = self._parse(policy.data)
        self._heap = int(self._call("opa_heap_ptr_get"))
        self._call("opa_malloc", INPUT_LIMIT + _PAGE)

        self._context = store._context()
        self._eval = ctypes.byref(_as(self._exports.get("opa_eval"), Func)._func)
        self._memory_ref = ctypes.byref(self._memory._memory)
        self._arguments = (ffi.wasmtime_val_t * 7)()
        fixed = (0, policy.entrypoint, data, self._heap, 0, 0, 0)
        for argument, value in zip(self._arguments, fixed, strict=True):
            argument.kind = ffi.WASMTIME_I32.value
            argument.of.i32 = value
        self._result = (ffi.wasmtime_val_t * 1)()
        self._trap: Any = ctypes.POINTER(ffi.wasm_trap_t)()
        self._trap_ref = ctypes.byref(self._trap)
        self.worn = False
        """It has taken so much memory that a fresh one should take its place."""

    def evaluate(self, input: bytes) -> bytes:
        """The result set of one evaluation, JSON text: `[]`, or `[{"result": ...}]`.

        Raises:
            EvaluationFailed: it was stopped, or came to no result.
        """
        length = len(input)
        if length > INPUT_LIMIT:
            raise EvaluationFailed(f"the input has {length} bytes, and {INPUT_LIMIT} is the limit")
        ctypes.memmove(self._start + self._heap, input, length)
        self._arguments[4].of.i32 = length
        self._arguments[5].of.i32 = self._heap + length
        self._ticker.evaluation()
        ffi.wasmtime_context_set_epoch_deadline(self._context, self._ticks)
        error: Any = ffi.wasmtime_func_call(
            self._context, self._eval, self._arguments, 7, self._result, 1, self._trap_ref
        )
        if error or self._trap:
            raise EvaluationFailed(self._why(error))
        size = ffi.wasmtime_memory_data_size(self._context, self._memory_ref)
        self.worn = size > _KEEP_LIMIT
        return self._string(self._result[0].of.i32, size)

    def builtins(self) -> dict[str, int]:
        """The builtins that the policy would call in its host, by name."""
        return self._listed("builtins")

    def entrypoints(self) -> dict[str, int]:
        """The documents that can be evaluated, by name."""
        return self._listed("entrypoints")

    def dump(self, address: int) -> bytes:
        """The text of a value, for a builtin."""
        text = self._call("opa_value_dump", address)
        size = self._memory.data_len(self._store)
        last = ctypes.c_char.from_address(self._start + size - 1)
        kept = last.value  # the evaluation goes on, and the byte may be in use
        try:
            return self._string(text, size)
        finally:
            last.value = kept

    def parse(self, source: bytes) -> int:
        """The address of the value that a text stands for, for a builtin."""
        return self._parse(source, "opa_value_parse")

    def _call(self, name: str, *arguments: int) -> int:
        result = _as(self._exports.get(name), Func)(self._store, *arguments)
        return int(result or 0)

    def _parse(self, text: bytes, parser: str = "opa_json_parse") -> int:
        address = self._call("opa_malloc", len(text))
        self._memory.write(self._store, text, address)
        value = self._call(parser, address, len(text))
        if value == 0:
            raise EvaluationFailed("its data is not JSON")
        return value

    def _listed(self, export: str) -> dict[str, int]:
        address = self._call("opa_json_dump", self._call(export))
        found: dict[str, int] = orjson.loads(self._string(address, self._memory.data_len(self._store)))
        return found

    def _string(self, address: int, size: int) -> bytes:
        if not 0 < address < size:
            raise EvaluationFailed("the policy answered with an address outside its memory")
        # The heap is not needed any more; a zero in its last byte keeps the read inside it, whatever is
        # there.
        ctypes.memset(self._start + size - 1, 0, 1)
        return ctypes.string_at(self._start + address)

    def _why(self, error: Any) -> str:
        if error:
            failure = WasmtimeError._from_ptr(error)
            stopped = self._builtins and self._builtins.reason
            return (
                f"the evaluation was stopped: {stopped}" if stopped else f"the evaluation failed: {failure}"
            )
        trap = Trap._from_ptr(self._trap)
        if trap.trap_code == TrapCode.INTERRUPT:
            return "the evaluation passed its deadline"
        message = int(self._message.value(self._store))
        if message:
            text = self._string(message, self._memory.data_len(self._store))
            return f"the evaluation was aborted: {text.decode(errors='replace')}"
        code = trap.trap_code
        return f"the evaluation trapped: {code.name.lower().replace('_', ' ') if code else 'unknown'}"


def _as(item: object, kind: type[_T]) -> _T:
    if not isinstance(item, kind):
        raise PolicyError(Fault("the compiled policy does not have the exports of OPA's ABI"))
    return item
