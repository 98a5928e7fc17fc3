"""Host ops: a declaration is enough, for targets that have NumPy, gradients and the cache."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import firth
from firth.base import flags
from firth.base.errors import LinAlgError, MissingRule
from firth.base.facts import TargetFacts
from firth.codegen.emit import emit
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, Op, input_node
from firth.ops.host import host
from firth.ops.rules import same
from firth.passes import pipeline
from firth.targets.cpu import plans
from firth.tensor.record import apply

NAME = "unseen_reversed_rows"


def meaning(x: np.ndarray, by: int) -> np.ndarray:
    if np.isnan(x).any():
        raise np.linalg.LinAlgError("NaN is not for me.")
    assert x.flags.c_contiguous
    return np.roll(x[::-1], by, 0)


@pytest.fixture
def op() -> Iterator[Op]:
    yield host(
        NAME, doc="Rows in reverse, moved on. x: (N, ...) any -> (N, ...) any.", attrs=("by",),
        shape=same, dtype=same, ref=meaning,
        vjp=lambda g, y, x, by: (TABLE["flip"](TABLE["roll"](g, shifts=(-by,), axes=(0,)),
                                               axes=(0,)),),
    )  # fmt: skip
    del TABLE[NAME]


@pytest.fixture(params=["cpu", "ref"])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    flags.put("FIRTH_TARGET", request.param)
    yield request.param
    flags.put("FIRTH_TARGET", None)


def test_between_kernels_on_moved_and_equal_sources(op: Op, target: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 4), (5, 2), (0, 2), (1, 1), (4, 4)):
        x = rng.standard_normal(shape).astype(np.float32)
        t = firth.tensor(x)
        turned = apply(NAME, (t * 2 + 1).permute(1, 0), by=1)
        found = apply(NAME, turned, by=0).reshape(-1) + apply(NAME, firth.ones(shape), by=2).sum()
        expected = np.roll((x * 2 + 1).T[::-1], 1, 0)[::-1].reshape(-1) + x.size
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_of_an_image_that_kernels_keep_channels_last(op: Op) -> None:
    x, w = firth.ones(2, 8, 6, 6) * firth.arange(6), firth.ones(8, 8, 3, 3)
    image = firth.nn.functional.conv2d(x, w, padding=1).relu()
    found = firth.nn.functional.conv2d(apply(NAME, image, by=0), w)
    expected = firth.nn.functional.conv2d(firth.flip(image, (0,)), w)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_gradient_and_jit(op: Op, target: str) -> None:
    x = firth.arange(6.0).reshape(3, 2).requires_grad_()
    (apply(NAME, x * x, by=1) * firth.tensor([[1.0], [2.0], [3.0]])).sum().backward()
    value = x.detach()
    assert x.grad.tolist() == (2 * value * firth.tensor([[1.0], [3.0], [2.0]])).tolist()

    @firth.jit
    def step(a: firth.Tensor) -> firth.Tensor:
        return apply(NAME, a + 1, by=0).exp()

    for _ in range(3):
        found = step(value).numpy()
        np.testing.assert_allclose(found, np.exp(value.numpy()[::-1] + 1), rtol=1e-5)


def test_what_numpy_refuses_is_an_error_at_the_line(op: Op, target: str) -> None:
    bad = firth.tensor([[1.0], [float("nan")]])
    kept = firth.ones(2)
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    found = apply(NAME, bad * 1, by=0) + 1
    words = r"NaN is not for me; got float32\[2, 1\](.*\n)*"
    with pytest.raises(LinAlgError, match=f"{words}.*:{line}"):
        found.tolist()

    @firth.jit
    def step(a: firth.Tensor) -> firth.Tensor:
        kept.add_(1)
        return apply(NAME, a, by=0)

    with pytest.raises(LinAlgError, match=f":{line + 8}"):
        step(bad)
    assert kept.tolist() == [1, 1]
    assert step(bad[:1]).tolist() == [[1]] and kept.tolist() == [2, 2]


def graph_of(op: Op) -> Graph:
    x = input_node(0, (3, 2), firth.float32)
    return Graph((x,), ((op(Expr(x), by=1) + 1).node,))


def test_targets_without_numpy_refuse_it(op: Op) -> None:
    facts = TargetFacts("wasm32-unknown-unknown", "", "", 16, 16, fma=False, masked=False)
    _, plan = pipeline.to_kernels(graph_of(op), facts)
    with pytest.raises(MissingRule, match=f"{NAME}: NumPy computes this op.*; run it on the cpu"):
        [emit(step.kernel, facts) for step in plan.steps]


def test_programs_on_disk_know_only_firths_own(op: Op, tmp_path: Path) -> None:
    x = input_node(0, (3, 3), firth.float32)
    own = Graph((x,), (TABLE["inv"](Expr(x)).node,))
    before = flags.get("FIRTH_DEBUG")
    flags.put("FIRTH_CACHE", str(tmp_path))
    flags.put("FIRTH_DEBUG", "time")  # not `verify`, which keeps nothing
    try:
        assert plans.key_of(own, "own") is not None
        assert plans.key_of(graph_of(op), "foreign") is None
    finally:
        flags.put("FIRTH_CACHE", None)
        flags.put("FIRTH_DEBUG", before)


def test_a_warm_process_runs_from_disk(tmp_path: Path) -> None:
    code = """
import sys, firth
from firth.tensor.record import apply
x = firth.tensor([[2.0, 0.0], [0.0, 4.0]])
print((apply("inv", x * 2) + 1).tolist(), "firth.targets.cpu.compiler" in sys.modules)
"""
    env = {**os.environ, "FIRTH_CACHE": str(tmp_path), "FIRTH_DEBUG": ""}
    runs = [subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True,
                           check=True).stdout for _ in range(2)]  # fmt: skip
    assert [r.strip() for r in runs] == [
        f"[[1.25, 1.0], [1.0, 1.125]] {cold}" for cold in (True, False)
    ]
