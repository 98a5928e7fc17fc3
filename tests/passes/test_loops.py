"""Loops of elementwise and reducing kernels: merged axes, the vector axis, tiles, scratch."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

from firth.ir.kernel import Kernel, Loop, Store
from firth.ir.kernel_text import kernel_text
from firth.ir.op import TABLE as T
from firth.passes.loops import TILE
from firth.passes.pipeline import to_kernels
from firth.targets.cpu import target as cpu
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of, run, softmax


def kernel_of(build: Build, *shapes: tuple[int, ...], generic: bool = False) -> Kernel:
    (call,) = to_kernels(graph_of(build, *shapes), FACTS, generic)[0].calls
    return call.kernel


def total(axis: int):  # type: ignore[no-untyped-def]
    return lambda x: T["sum"](T["exp"](x), axes=(axis,), keepdims=False)


TEXTS: dict[str, tuple[Build, tuple[tuple[int, ...], ...], str]] = {
    "one loop over everything": (
        lambda x: x * 2.0,
        ((4, 60),),
        """
        for i1 in 240 vector 32:
          b1[i1] = mul(b0[i1], 2.0)
        """,
    ),
    "a broadcast row": (
        lambda x, b: x * b,
        ((4, 60), (60,)),
        """
        for i0 in 4:
          for i1 in 60 vector 32:
            b2[60*i0 + i1] = mul(b0[60*i0 + i1], b1[i1])
        """,
    ),
    "columns are added across the vector": (
        total(0),
        ((40, 60),),
        """
        for i1 in 60 vector 16:
          for i0 in 40 a0=0:
            a0 = add(a0, exp(b0[60*i0 + i1]))
          b1[i1] = a0
        """,
    ),
    "rows are added along the vector": (
        total(1),
        ((40, 60),),
        """
        for i0 in 40:
          for i1 in 60 vector 16 a0=0:
            a0 = add(a0, exp(b0[60*i0 + i1]))
          b1[i0] = a0
        """,
    ),
    "what two loops need goes through scratch": (
        softmax,
        ((40, 60),),
        """
        for i0 in 40:
          for i1 in 60 vector 16 a0=-inf:
            a0 = maximum(a0, b0[60*i0 + i1])
          for i1 in 60 vector 16 a1=0:
            b2[i1] = exp(sub(b0[60*i0 + i1], a0))
            a1 = add(a1, exp(sub(b0[60*i0 + i1], a0)))
          for i1 in 60 vector 16:
            v0 = abs(a1)
            v1 = where(less(v0, 7.888609052210118e-31), 1.8446744073709552e+19, SMALL)
            b1[60*i0 + i1] = mul(mul(b2[i1], v1), div(1.0, mul(a1, v1)))
        """,
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_text(name: str) -> None:
    build, shapes, expected = TEXTS[name]
    text = kernel_text(kernel_of(build, *shapes)).splitlines()
    body = [line[2:] for line in text if not line.startswith(("kernel ", "  b")) or "[" in line]
    far = "where(less(1.2676506002282294e+30, v0), 5.421010862427522e-20, 1.0)"
    assert body == textwrap.dedent(expected).replace("SMALL", far).strip().splitlines()


def test_the_next_row_is_asked_for_where_this_one_is_worked_on() -> None:
    lines = kernel_text(kernel_of(softmax, (4096, 1024))).splitlines()
    asked = [k for k, line in enumerate(lines) if "prefetch" in line]
    assert [lines[k].strip() for k in asked] == [
        "prefetch b0[1024*i0 + i1 + 1024]", "prefetch b1[1024*i0 + i1] to write"
    ]  # fmt: skip
    assert "exp" in lines[asked[-1] + 1]
    for shape in ((40, 1024), (64, 1 << 16)):  # all of it in the second cache; too long a row
        assert "prefetch" not in kernel_text(kernel_of(softmax, shape))


def test_heavy_work_asks_ahead_and_light_work_does_not() -> None:
    assert "prefetch" in kernel_text(kernel_of(lambda x: T["erf"](x), (1 << 22,)))
    assert "prefetch" not in kernel_text(kernel_of(lambda x: x + 1.0, (1 << 22,)))


@pytest.mark.parametrize("size", [1e-42, 1e-38, 1e-3, 1e38, 3e38])
def test_quotients_by_a_sum_hold_at_both_ends(size: float) -> None:
    x = np.array([[0.0, size, -size / 2, size / 3], [1, 2, 3, 4]], np.float32)
    graph = graph_of(lambda x: x / T["amax"](x, axes=(1,), keepdims=True), (2, 4))
    wide = x.astype(np.float64)
    np.testing.assert_allclose(
        run(cpu, graph, [x])[0], wide / wide.max(1, keepdims=True), rtol=3e-7
    )


def test_large_work_is_cut_into_tiles_of_about_one_size() -> None:
    kernel = kernel_of(lambda x: x * 2.0, (1000, 1000))
    ((axis, block),) = kernel.grid
    assert axis.extent == 10**6 and TILE // 2 <= block <= TILE and kernel.tiles() > 50
    kernel = kernel_of(total(1), (1000, 1000))
    (_, rows), = kernel.grid  # fmt: skip
    assert TILE // 2 <= rows * 1000 <= TILE


def test_generic_kernels_keep_their_structure() -> None:
    """The same loops for any extents, so that one function serves them all."""

    def shape(kernel: Kernel) -> object:
        def of(body):  # type: ignore[no-untyped-def]
            return [(s.vector, len(s.carries), of(s.body)) if isinstance(s, Loop)
                    else type(s).__name__ for s in body]  # fmt: skip

        return len(kernel.grid), of(kernel.body)

    for build in (total(0), total(1), softmax, lambda x: x + 1.0):
        shapes = [(3, 5), (40, 30), (700, 9)]
        assert len({str(shape(kernel_of(build, s, generic=True))) for s in shapes}) == 1


def test_one_kernel_writes_all_outputs_of_its_cluster() -> None:
    kernel = kernel_of(lambda x: (T["exp"](x), T["exp"](x) * 2.0), (50,))
    (loop,) = kernel.body
    assert isinstance(loop, Loop) and [type(s) for s in loop.body] == [Store, Store]


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (3, 2), (33, 65)])
@pytest.mark.parametrize("build", [total(0), total(1), softmax])
def test_values(build: Build, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    graph = graph_of(build, shape)
    wide = np.exp(x.astype(np.float64))
    wanted = {id(softmax): wide / wide.sum(1, keepdims=True)}.get(id(build))
    if wanted is None:
        wanted = wide.sum(graph.nodes()[-1].attrs[0][0])
    np.testing.assert_allclose(run(cpu, graph, [x])[0], wanted, rtol=2e-6)
