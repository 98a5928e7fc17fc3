"""Matrix products of float32 and all their transposes, beside OpenBLAS (numpy) and MKL (torch)."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.harness import THREADS, Call, Goal, Workload

SHAPES = (*((n, n, n) for n in (256, 1024, 2048)), (64, 784, 128), (1024, 256, 1024))


def _sources(shape: tuple[int, int, int], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """a and b as they lie in memory; t means that the transpose is multiplied."""
    m, k, n = shape
    a, b = (m, k) if kind[0] == "n" else (k, m), (k, n) if kind[1] == "n" else (n, k)
    random = np.random.default_rng(0)
    left = random.standard_normal(a, dtype=np.float32)
    return left, random.standard_normal(b, dtype=np.float32)


def _product(a: Any, b: Any, kind: str) -> tuple[Any, Any]:
    return (a if kind[0] == "n" else a.T), (b if kind[1] == "n" else b.T)


def _firth(shape: tuple[int, int, int], kind: str) -> Call:
    import firth

    a, b = (firth.from_numpy(x) for x in _sources(shape, kind))

    @firth.jit
    def product(a: Any, b: Any) -> Any:
        left, right = _product(a, b, kind)
        return left @ right

    return lambda: product(a, b)


def _numpy(shape: tuple[int, int, int], kind: str) -> Call:
    left, right = _product(*_sources(shape, kind), kind)
    out = np.empty((shape[0], shape[2]), np.float32)
    return lambda: np.matmul(left, right, out=out)


def _torch(shape: tuple[int, int, int], kind: str) -> Call:
    import torch

    torch.set_num_threads(THREADS)
    left, right = _product(*(torch.from_numpy(x) for x in _sources(shape, kind)), kind)
    out = torch.empty(shape[0], shape[2])
    return lambda: torch.mm(left, right, out=out)


def _workload(shape: tuple[int, int, int], kind: str) -> Workload:
    m, k, n = shape
    size = str(m) if m == k == n else f"{m}x{k}x{n}"
    doc = f"{m} x {k} {'transposed ' if kind[0] == 't' else ''}times {k} x {n}"
    return Workload(
        f"matmul_{size}_{kind}",
        doc + (" transposed" if kind[1] == "t" else ""),
        {
            "firth_jit": lambda: _firth(shape, kind),
            "numpy": lambda: _numpy(shape, kind),
            "torch": lambda: _torch(shape, kind),
        },
        goals=(Goal("firth_jit", 1.05, "peers"),),
        flops=2.0 * m * k * n,
    )


WORKLOADS = tuple(_workload(shape, kind) for shape in SHAPES for kind in ("nn", "nt", "tn", "tt"))
