"""Answers the calls that a compiled policy makes for a builtin, from within its evaluation.

The ABI: `opa_builtinN(id, context, arguments...)` gets addresses of values and returns one, or 0 for undefined. Values
cross as text, by `opa_value_dump` and `opa_value_parse`, as in OPA's own SDK: JSON would make an array of a set.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Protocol

from wasmtime import Func, FuncType, Store, Trap, ValType
from wasmtime import _ffi as ffi

from licet.policies.builtins import BUILTINS, OVER_BYTES
from licet.policies.builtins.values import Stop, Undefined, Value, read, write

_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)()


class Heap(Protocol):
    """What the evaluation that calls lends to its host."""

    def dump(self, address: int) -> bytes:
        """The text of the value at an address."""
        ...

    def parse(self, source: bytes) -> int:
        """The address of the value that a text stands for."""
        ...


class Host:
    """The builtins that one policy needs, for one instance of it."""

    def __init__(self, needed: Mapping[str, int], heap: Heap) -> None:
        """Serve an instance.

        Args:
            needed: the policy's own number of each builtin, by name; all of them in `BUILTINS`.
        """
        self._builtins = {number: (name, BUILTINS[name]) for name, number in needed.items()}
        self._heap = heap
        self.reason: str | None = None
        """Why the evaluation had to stop, once it has."""
        # C holds it too, so it must live as long as the instance.
        self._callback = ffi.wasmtime_func_callback_t(self._called)

    def function(self, store: Store, arity: int) -> Func:
        """What the policy imports as the door of its builtins of so many arguments."""
        kind = FuncType([ValType.i32()] * (2 + arity), [ValType.i32()])
        function = ffi.wasmtime_func_t()
        ffi.wasmtime_func_new(
            store._context(), kind.ptr(), self._callback, None, _NO_FINALIZER, ctypes.byref(function)
        )
        return Func._from_raw(function)

    def _called(self, _: object, __: object, arguments: object, count: int, results: object, ___: int) -> int:
        # Nothing may be raised here: it is C that called.
        try:
            numbers = [arguments[at].of.i32 for at in range(count)]  # type: ignore[index]
            results[0].kind = ffi.WASMTIME_I32.value  # type: ignore[index]
            results[0].of.i32 = self._answer(numbers[0], numbers[2:])  # type: ignore[index]
        except BaseException as error:
            self.reason = self.reason or f"{type(error).__name__} in a builtin"
            trap = Trap("a builtin ended the evaluation")._consume()
            return ctypes.cast(trap, ctypes.c_void_p).value or 0
        return 0

    def _answer(self, number: int, addresses: list[int]) -> int:
        name, builtin = self._builtins[number]
        try:
            value = builtin(*(self._argument(name, address) for address in addresses))
        except Undefined:
            return 0
        except Stop as stop:
            self.reason = f"{name}: {stop}"
            raise
        except Exception as error:
            self.reason = f"{name} failed: {type(error).__name__}"
            raise
        return self._result(name, value)

    def _argument(self, name: str, address: int) -> Value:
        dumped = self._heap.dump(address)
        if name not in OVER_BYTES:
            try:
                dumped.decode()
            except UnicodeDecodeError:
                raise Stop("a string is not UTF-8") from None
        return read(dumped)

    def _result(self, name: str, value: Value) -> int:
        written = write(value)
        try:
            written.decode()
        except UnicodeDecodeError:
            self.reason = f"{name}: its answer is not UTF-8"
            raise
        return self._heap.parse(written)
