"""What a new process pays: importing, and the first call of jitted steps, cold and warm."""

from __future__ import annotations

import functools
import tempfile

from benchmarks.harness import Goal, Workload, number_of

_IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

_FIRST_CALL = """
import time
from benchmarks.networks import NETWORKS
call = NETWORKS["{name}"].{maker}
start = time.perf_counter()
call()
print(time.perf_counter() - start)
"""
MAKERS = {
    "firth": "firth_step(jit=True)",
    "jax": "jax_step()",
    "torch_compile": "torch_step(compiled=True)",
}
# Where compiled code is kept; JAX keeps little unless it is told to.
FOLDERS = ("FIRTH_CACHE", "TORCHINDUCTOR_CACHE_DIR", "JAX_COMPILATION_CACHE_DIR")
KEEP_ALL = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
GOALS = {"mlp": (0.6, 0.2), "gpt": (2.0, 0.8), "resnet": (2.0, 0.8)}  # cold; warm is 0.3 for all


def _import(module: str) -> float:
    return number_of(_IMPORT.format(module=module))


def _first_call(name: str, variant: str, cache: str | None = None) -> float:
    """cache: a folder that stays; None: a new, empty one."""
    code = _FIRST_CALL.format(name=name, maker=MAKERS[variant])
    with tempfile.TemporaryDirectory() as empty:
        return number_of(code, {**dict.fromkeys(FOLDERS, cache or empty), **KEEP_ALL})


@functools.cache
def _warm_folder(name: str, variant: str) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory()
    _first_call(name, variant, folder.name)
    return folder


def _workload(name: str) -> Workload:
    must, aim = GOALS[name]
    commands = {}
    for v in MAKERS:
        commands[f"{v}_cold"] = lambda v=v: _first_call(name, v)
        commands[f"{v}_warm"] = lambda v=v: _first_call(name, v, _warm_folder(name, v).name)
    return Workload(
        f"first_call_{name}",
        f"first call of the {name}'s training step in a new process, imports not counted",
        commands=commands,
        goals=(Goal("firth_cold", must, "", aim), Goal("firth_warm", 0.3, "")),
        slow=tuple(v for v in commands if not v.startswith("firth")),
    )


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
    ),
    *map(_workload, GOALS),
)
