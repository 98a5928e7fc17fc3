"""What a new process pays: importing, and the first call of the jitted step, cold and warm."""

from __future__ import annotations

import functools
import tempfile

from benchmarks.harness import Goal, Workload, seconds_of

_IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

_FIRST_CALL = """
import time
from benchmarks.workloads import mlp
import {module}
maker = mlp.{maker}()
start = time.perf_counter()
maker()
print(time.perf_counter() - start)
"""


def _import(module: str) -> float:
    return seconds_of(_IMPORT.format(module=module))


def _first_call(module: str, maker: str, cache: str | None = None) -> float:
    """cache: a folder that stays; None: a new, empty one."""
    code = _FIRST_CALL.format(module=module, maker=maker)
    with tempfile.TemporaryDirectory() as empty:
        folder = cache or empty
        return seconds_of(code, {"FIRTH_CACHE": folder, "TORCHINDUCTOR_CACHE_DIR": folder})


@functools.cache
def _warm_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    _first_call("firth", "firth_jit", folder.name)
    return folder


WORKLOADS = (
    Workload(
        "import",
        "importing, in a new process; numpy is part of each",
        commands={
            "firth": lambda: _import("firth"),
            "numpy": lambda: _import("numpy"),
            "torch": lambda: _import("torch"),
            "jax": lambda: _import("jax"),
        },
        goals=(Goal("firth", 2.0, "numpy"),),
        rounds=7,
    ),
    Workload(
        "first_call",
        "first call of the 784-128-10 training step, in a new process, imports not counted",
        commands={
            "firth_cold": lambda: _first_call("firth", "firth_jit"),
            "firth_warm": lambda: _first_call("firth", "firth_jit", _warm_folder().name),
            "jax": lambda: _first_call("jax", "jax_donated"),
            "torch_compile_cold": lambda: _first_call("torch", "torch_compile"),
        },
        goals=(Goal("firth_cold", 0.8, ""), Goal("firth_warm", 0.2, "")),
        rounds=3,
    ),
)
