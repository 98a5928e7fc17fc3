"""One operation outside of jit: its first use, no code on disk, and known ones on new shapes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Goal, Workload, number_of

SIZES = (20, 33, 47, 5, 61, 100, 128, 17, 1000, 257, 75, 310)
_CODE = """
from benchmarks.workloads.first_use import {name}
print({name}())
"""


def operations() -> dict[str, Callable[[int], Callable[[], Any]]]:
    """Name -> for an extent, a call on inputs of that extent that are ready."""
    import firth
    from firth.nn import functional as F

    def real(*shape: int) -> Any:
        return firth.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))

    def on(*shapes: Any, do: Callable[..., Any]) -> Callable[[int], Callable[[], Any]]:
        def ready(n: int) -> Callable[[], Any]:
            given = [real(*(n if extent == 0 else extent for extent in s)) for s in shapes]
            return lambda: do(*given)

        return ready

    return {
        "exp": on((0, 6), do=firth.exp), "add": on((0, 6), (0, 6), do=firth.add),
        "broadcast": on((0, 6), (6,), do=firth.mul), "atan2": on((0, 6), (0, 6), do=firth.atan2),
        "where": on((0, 6), (0, 6), do=lambda x, y: firth.where(x > 0, x, y)),
        "sum": on((0, 6), do=firth.sum), "sum of rows": on((0, 40), do=lambda x: x.sum(1)),
        "mean of columns": on((0, 40), do=lambda x: x.mean(0)),
        "var": on((6, 0), do=lambda x: x.var(1)), "softmax": on((3, 0), do=lambda x: x.softmax(1)),
        "matmul": on((0, 30), (30, 20), do=firth.matmul),
        "bmm": on((2, 0, 8), (2, 8, 0), do=firth.matmul),
        "cumsum": on((0, 6), do=lambda x: x.cumsum(0)),
        "bilinear": on((0, 5), (0, 5), (4, 5, 5), do=F.bilinear),
        "cross": on((0, 3), (0, 3), do=lambda x, y: firth.cross(x, y, dim=1)),
        "lgamma": on((0, 6), do=firth.lgamma),
        "logcumsumexp": on((0, 6), do=lambda x: firth.logcumsumexp(x, 0)),
        "searchsorted": on((0,), (0,), do=lambda x, y: firth.searchsorted(x, y)),
        "sort": on((0, 6), do=lambda x: x.sort(0).values),
        "argmax": on((0, 6), do=lambda x: x.argmax(0)),
        "take": on((0, 6), do=lambda x: x[[0, 2, 1]]), "flip": on((0, 6), do=lambda x: x.flip(0)),
        "cat": on((0, 6), (9, 6), do=lambda x, y: firth.cat([x, y])),
        "slice": on((0, 6), do=lambda x: x[1:, ::2]), "roll": on((0, 6), do=lambda x: x.roll(2, 0)),
        "layer norm": on((0, 32), do=lambda x: F.layer_norm(x, (32,))),
        "tril": on((0, 6), do=firth.tril),
        "svd": on((0, 6), do=lambda x: firth.linalg.svd(x, full_matrices=False).S),
    }  # fmt: skip


def _times() -> dict[str, list[float]]:
    """Seconds of each operation for each extent, with an empty folder of compiled code."""
    import firth

    (firth.ones(3) + 1).numpy()  # LLVM itself
    found = {}
    for name, ready in operations().items():
        found[name] = []
        for n in SIZES:
            call = ready(n)
            start = time.perf_counter()
            call().numpy()
            found[name].append(time.perf_counter() - start)
    return found


def first() -> float:
    """The slowest first use of an operation."""
    return max(times[0] for times in _times().values())


def known() -> float:
    """The slowest operation on new shapes: its median from the third shape on."""
    return max(statistics.median(times[2:]) for times in _times().values())


def _in_a_new_process(name: str) -> float:
    with tempfile.TemporaryDirectory() as empty:
        return number_of(_CODE.format(name=name), {"FIRTH_CACHE": empty})


WORKLOADS = (
    Workload(
        "first_use",
        "first use of an operation outside of jit, no code on disk: the slowest of 28",
        commands={"firth": lambda: _in_a_new_process("first")},
        goals=(Goal("firth", 0.03, ""),),
    ),
    Workload(
        "new_shape",
        "a known operation on a new shape: the slowest of 28 operations' medians",
        commands={"firth": lambda: _in_a_new_process("known")},
        goals=(Goal("firth", 0.0005, ""),),
    ),
)
