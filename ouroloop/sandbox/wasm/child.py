"""The child process of the WASM sandbox: it loads the compiled component, confines itself, and passes frames to the guest.

It does not read what it passes. Each request's frame has a budget, from which its fuel is set anew, so the same controller on
the same batch always stops at the same instruction. After a trap the instance is dead, and the process with it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable

from wasmtime import Config, Engine, Store, Trap, WasmtimeError
from wasmtime._ffi import dll
from wasmtime.component import Component, Linker

from ouroloop.sandbox.guest.lockdown import confine, end_with
from ouroloop.sandbox.guest.wire import READY, REPLY, REQUEST
from ouroloop.sandbox.pipes import OUT_OF_TIME

FUEL_PER_US = 25_000
"""Fuel per microsecond of the native interpreter: a plain loop takes 2300 an iteration and 0.06 us natively, calls less."""
STACK_MB = 6
"""Stack of the guest's code, of the 8 MB that a process usually has. What `guest.depth` lets pass must fit: a call through a
built-in takes up to 2 KB of it, one of `sorted` more."""
CRASHED = 82
DATA_SLACK_MB = 96
"""Private memory of the child beside the guest's: interpreter, frames, copies of requests."""


def engine() -> Engine:
    """Return the engine, for compiling and for running; `build.ENGINE_FLAGS` stands for its settings in the cache's key."""
    config = Config()
    config.consume_fuel = True
    config.wasm_component_model = True
    # The engine checks the one limit against the other, for which the package has no setter.
    dll.wasmtime_config_async_stack_size_set(config.ptr(), ctypes.c_size_t(STACK_MB << 20))
    config.max_wasm_stack = STACK_MB << 20
    return Engine(config)


def compile_component(wasm: bytes) -> bytes:
    """Return a component compiled ahead of time."""
    return bytes(Component(engine(), wasm).serialize())


def _guest(path: str, memory_mb: int) -> tuple[Store, Callable[[str], str]]:
    """Return the store and the guest's `handle`. The component imports nothing, so the linker has nothing to supply."""
    own = engine()
    store = Store(own)
    store.set_limits(memory_size=memory_mb << 20)
    store.set_fuel(1 << 62)
    instance = Linker(own).instantiate(store, Component.deserialize_file(own, path))
    function = instance.get_func(store, "handle")
    if function is None:
        raise WasmtimeError("the component exports no `handle`")
    handle = function

    def call(request: str) -> str:
        reply = handle(store, request)
        handle.post_return(store)
        return str(reply)

    return store, call


def _read(size: int) -> bytes:
    """Return exactly `size` bytes of stdin; nothing at its end."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(0, size - len(parts))
        if not part:
            return b""
        parts += part
    return bytes(parts)


def main(path: str, memory_mb: int, host: int) -> None:
    """Serve frames on stdio until the host closes the channel; exits with OUT_OF_TIME or CRASHED after a trap.

    Args:
        path: the compiled component.
        memory_mb: memory of the guest.
        host: process id of the host, with which this process ends whatever it does.
    """
    end_with(host)
    store, handle = _guest(path, memory_mb)
    confine(data_mb=memory_mb + DATA_SLACK_MB)
    os.write(1, READY)
    while header := _read(REQUEST.size):
        size, budget_us = REQUEST.unpack(header)
        store.set_fuel(budget_us * FUEL_PER_US)
        try:
            reply = handle(_read(size).decode()).encode()
        except (Trap, WasmtimeError):
            os._exit(CRASHED if store.get_fuel() else OUT_OF_TIME)
        view = memoryview(REPLY.pack(len(reply)) + reply)
        while view:
            view = view[os.write(1, view) :]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
