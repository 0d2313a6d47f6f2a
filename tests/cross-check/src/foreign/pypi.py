"""Answers what is asked about programs, on the wasmtime that this Python has: `pypi.py REQUEST REPLY`.

What the two files hold is in ../protocol.rs. Decides nothing: it says what wasmtime says.
"""

import base64
import importlib.metadata
import json
import platform
import sys
import threading

import wasmtime
from wasmtime import _ffi

# More than stack units allow, and less than the two MiB that some versions take for the largest.
STACK_BYTES = 3 << 19
MASK = (1 << 64) - 1
# Calls of the program that may wait for each other, as in the differential tests.
WAITING_MAX = 6


def main():
    request, reply = sys.argv[1:]
    with open(request, encoding="utf-8") as file:
        programs = json.load(file)["programs"]
    version = f"{importlib.metadata.version('wasmtime')} on {platform.machine()}"
    engine = wasmtime.Engine(configuration())
    programs = [answer(engine, program) for program in programs]
    with open(reply, "w", encoding="utf-8") as file:
        json.dump({"version": version, "programs": programs}, file)


def configuration():
    """The features that programs may need, where this version has them."""
    config = wasmtime.Config()
    for feature in ("multi_memory", "memory64", "tail_call", "simd", "exceptions"):
        setter = getattr(_ffi, f"wasmtime_config_wasm_{feature}_set", None)
        if setter is not None:
            setter(config.ptr(), True)
    _ffi.wasmtime_config_max_wasm_stack_set(config.ptr(), STACK_BYTES)
    return config


def answer(engine, program):
    if program["is_called_back"] and "exceptions" in program["needs"]:
        return {"refused": "no exception can pass through Python", "takes_plain": False}
    try:
        metered = compiled(engine, program["metered"])
        adapter = compiled(engine, program["adapter"])
    except wasmtime.WasmtimeError as error:
        return {"refused": str(error), "takes_plain": compiles(engine, program["plain"])}
    return {"runs": [run(engine, program, metered, adapter, call) for call in program["calls"]]}


def compiled(engine, text):
    return wasmtime.Module(engine, base64.b64decode(text))


def compiles(engine, text):
    try:
        compiled(engine, text)
        return True
    except wasmtime.WasmtimeError:
        return False


def run(engine, program, metered, adapter, call):
    store = wasmtime.Store(engine)
    linker = wasmtime.Linker(engine)
    i32, i64 = wasmtime.ValType.i32(), wasmtime.ValType.i64()

    def function(name, parameters, results, body):
        linker.define_func("host", name, wasmtime.FuncType(parameters, results), body)

    function("twice", [i32], [i32], lambda value: signed(value * 2 + 1, 32))
    function("mix", [i64, i32], [i64], mix)
    function("nothing", [], [], lambda: None)
    instance, waiting = None, 0

    def call_back(value):
        nonlocal waiting
        if instance is None or not program["is_called_back"] or waiting == WAITING_MAX:
            return value
        waiting += 1
        try:
            return instance.exports(store)["back"](store, value)
        finally:
            waiting -= 1

    function("call-back", [i32], [i32], call_back)
    starts = {
        "left": wasmtime.Val.i64(int(call["left"])),
        "stack-left": wasmtime.Val.i32(call["stack_units"]),
        "pages-grown": wasmtime.Val.i64(0),
        "grown-low": wasmtime.Val.i64(0),
        "grown-high": wasmtime.Val.i64(0),
    }
    meter = {}
    for name, start in starts.items():
        ty = wasmtime.GlobalType(i32 if name == "stack-left" else i64, True)
        meter[name] = wasmtime.Global(store, ty, start)
        linker.define(store, "meterbox:meter", name, meter[name])
    ran = {"failure": None, "results": [], "globals": [], "memories": []}
    try:
        instance = linker.instantiate(store, metered)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        ran["failure"] = str(error)
    if instance is not None:
        linker.define_instance(store, "program", instance)
        exports = linker.instantiate(store, adapter).exports(store)

        def slots(count):
            value = lambda at: str(exports[f"s{at}"].value(store))
            return [[value(2 * at), value(2 * at + 1)] for at in range(count)]

        for at, halves in enumerate(call["arguments"]):
            for half, text in enumerate(halves):
                exports[f"s{2 * at + half}"].set_value(store, wasmtime.Val.i64(int(text)))
        try:
            exports[f"call{call['function']}"](store)
            ran["results"] = slots(call["results"])
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            ran["failure"] = str(error)
        exports["globals"](store)
        ran["globals"] = slots(program["globals"])
        exports["memories"](store)
        ran["memories"] = slots(program["memories"])
    ran["left"] = str(meter["left"].value(store))
    ran["stack_left"] = meter["stack-left"].value(store)
    for name in ("pages-grown", "grown-low", "grown-high"):
        ran[name.replace("-", "_")] = str(meter[name].value(store))
    return ran


def mix(a, b):
    bits, count = a & MASK, b & 63
    turned = (bits << count | bits >> (64 - count)) & MASK
    return signed(turned ^ 0x9E37_79B9_7F4A_7C15, 64)


def signed(value, bits):
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def on_a_large_stack():
    """Runs all on a thread of its own: the first thread's stack is as large as the machine says."""
    failures = []

    def guarded():
        try:
            main()
        except BaseException as error:  # reported below, on the first thread
            failures.append(error)

    threading.stack_size(64 << 20)
    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


on_a_large_stack()
