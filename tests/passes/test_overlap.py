"""Kernels wait for those that they need, and for no others."""

from __future__ import annotations

import numpy as np

from firth.ir.op import TABLE as T
from firth.passes.overlap import ERROR, Touched, awaited
from firth.passes.pipeline import to_kernels
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of


def touched(reads=(), writes=()):  # type: ignore[no-untyped-def]
    out = Touched()
    for written, places in ((False, reads), (True, writes)):
        for kind, offset, *size in places:
            out.add((kind, offset), *(size or [0]), written)
    return out


def test_what_is_read_was_written_and_what_is_written_was_read() -> None:
    first = touched([("input", 0)], [("arena", 0, 64)])
    other = touched([("input", 0)], [("arena", 64, 64)])
    reader = touched([("arena", 32, 8)], [("output", 0)])
    over = touched([("arena", 64, 64)], [("input", 0)])
    assert awaited([first]) == 0
    assert awaited([first, other]) == 0
    assert awaited([first, other, reader]) == 1
    assert awaited([first, other, reader, over]) == 2
    assert awaited([first, reader, touched([], [("arena", 32, 8)])]) == 2


def test_what_can_fail_comes_before_what_must_not_run_then() -> None:
    check = touched([("input", 0)], [("arena", 0, 8)])
    check.add(ERROR, 0, True)
    guarded = touched([("input", 1)], [("input", 2)])
    guarded.add(ERROR, 0, False)
    plain = touched([("input", 1)], [("arena", 8, 8)])
    assert awaited([check, plain, guarded]) == 1
    assert awaited([check, guarded, guarded]) == 2  # both write one input


def test_kernels_of_a_graph() -> None:
    def two(x, y):  # type: ignore[no-untyped-def]
        a = T["contract"](x, y, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        b = T["contract"](y, x, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        c = T["contract"](a, b, a_labels=(0, 1), b_labels=(1, 2), out_labels=(0, 2))
        return c

    steps = to_kernels(graph_of(two, (64, 64), (64, 64)), FACTS)[1].steps
    assert [s.after for s in steps] == [0, 0, 2]


def test_values_of_many_small_kernels() -> None:
    """Updates of several tensors of different sizes, side by side, over and over."""
    import firth

    sizes = (7, 100_000, 1, 33_333, 64, 250_000)
    start = [np.random.default_rng(k).standard_normal(n).astype(np.float32)
             for k, n in enumerate(sizes)]  # fmt: skip
    tensors = [firth.from_numpy(a) for a in start]
    step = firth.jit(lambda *ts: tuple((t * 0.5 + 1.0).sin() for t in ts))
    want = [a.astype(np.float64) for a in start]
    for _ in range(50):
        tensors = list(step(*tensors))
        want = [np.sin(a * 0.5 + 1.0) for a in want]
    for got, expected in zip(tensors, want, strict=True):
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5)
