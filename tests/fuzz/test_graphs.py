"""Random graphs: cpu gives what ref gives. Integers equal, floats within the error of ref itself.

FIRTH_FUZZ=20000 runs that many fresh seeds (`make fuzz`), FIRTH_FUZZ_SEED starts elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen import brief
from firth.ir.graph import Graph
from firth.passes import blocking
from firth.passes.lower import lower
from firth.runtime.buffer import from_array
from firth.targets import Executable
from firth.targets.cpu import target as cpu
from firth.targets.cpu import templates
from firth.targets.ref import target as ref
from tests.fuzz.graphs import random_graph

COUNT = int(os.environ.get("FIRTH_FUZZ", "500"))
START = int(os.environ.get("FIRTH_FUZZ_SEED", "0"))
CHUNK = 25
FLOOR = 1e-5  # a scatter adds a thousand float32 values in order, ref in float64
WAYS: tuple[dict[str, bool], ...] = (
    {"generic": True}, {"fused": False}, {"generic": True, "fused": False},
)  # fmt: skip


def run(compiled: Executable, graph: Graph, arrays: list[np.ndarray]) -> list[np.ndarray]:
    out = compiled.run([from_array(a) for a in arrays])
    return [b.view(o.dtype, o.shape).copy() for b, o in zip(out, graph.outputs, strict=True)]


@contextmanager
def nothing_is_little() -> Iterator[None]:
    """Inside, small kernels are written like large ones: in blocks and wide vectors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(brief, "WORK", -1)
        patch.setattr(brief, "COPIES", -1)
        patch.setattr(blocking, "TINY_STEPS", 0)
        patch.setattr(blocking, "EVEN_WORK", 0)
        yield


def check(seed: int) -> None:
    graph, arrays = random_graph(seed, dt.float32)
    exact_graph, exact_arrays = random_graph(seed, dt.float64)
    with np.errstate(all="ignore"):
        exact = run(ref.compile(exact_graph), exact_graph, exact_arrays)
        # ref rounds once an op: composed ops as one, and (lowered) as the base ops they consist of.
        plain = [run(ref.compile(g), g, arrays) for g in (graph, lower(graph))]
    for how in ({}, WAYS[seed % len(WAYS)]):
        with nothing_is_little() if seed % 2 else nullcontext():
            native = run(cpu.specialise(graph, **how), graph, arrays)
        compare(f"seed {seed} {how}", exact, plain, native)
    if seed % 4 == 0 and (formula := templates.program(graph, cpu._signature(graph)[0])):
        compare(f"seed {seed} by formula", exact, plain, run(formula, graph, arrays))


def compare(
    name: str, exact: list[np.ndarray], plain: list[list[np.ndarray]], native: list[np.ndarray]
) -> None:
    for place, (e, n) in enumerate(zip(exact, native, strict=True)):
        if n.dtype.kind != "f":
            np.testing.assert_array_equal(n, plain[0][place], err_msg=f"{name} output {place}")
            continue
        if not e.size:
            continue
        scale = max(float(np.max(np.abs(e))), 1.0)
        own = max(float(np.max(np.abs(p[place].astype(np.float64) - e))) for p in plain)
        found = float(np.max(np.abs(n.astype(np.float64) - e)))
        # The floor: a reduction of ref rounds once, that of a float32 machine once per element.
        assert found <= 4 * own + FLOOR * scale, (
            f"{name} output {place}: error {found:.3g}, ref's own is {own:.3g}, "
            f"values up to {scale:.3g}"
        )


@pytest.mark.parametrize("first", range(START, START + COUNT, CHUNK))
def test_random_graphs(first: int) -> None:
    for seed in range(first, min(first + CHUNK, START + COUNT)):
        try:
            check(seed)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
