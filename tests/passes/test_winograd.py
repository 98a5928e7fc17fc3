"""When a contraction is computed by Winograd's algorithm."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.grad import gradient
from firth.passes.pipeline import to_base
from firth.passes.winograd import convolution, pays
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes import convolutions as c
from tests.passes.facts import FACTS
from tests.passes.graphs import graph_of, run

FORWARD = ["winograd_weights", "winograd"]
GRADIENT = ["winograd_gradient"]  # channels and features are tiles enough


def test_roles_of_a_convolution():
    found = convolution(c.contraction(2, 33, 34, 8, 9))
    assert found is not None and not found.gradient
    roles = (found.batch, found.channel, found.feature, *found.places, *found.kernel)
    assert [found.count(x) for x in roles] == [2, 33, 34, 8, 9, 3, 3]
    assert found.tiles == (2, 3)


def test_roles_of_a_gradient():
    found = convolution(c.contraction(2, 33, 34, 8, 9, gradient=True))
    assert found is not None and found.gradient
    roles = (found.batch, found.channel, found.feature, *found.places, *found.kernel)
    assert [found.count(x) for x in roles] == [2, 33, 34, 8, 9, 3, 3]


def test_one_image_has_no_batch():
    found = convolution(c.contraction(1, 32, 32, 8, 8))
    assert found is not None and found.batch is None


def test_only_plain_3x3_windows_count():
    def other(**changes: object) -> object:
        options = {"stride": (1, 1), "padding": ((1, 1),) * 2, "dilation": (1, 1), "groups": 1}
        size, groups = changes.pop("size", 3), changes.get("groups", 1)

        def build(x: Expr, w: Expr) -> Expr:
            return T["conv"](x, w, **(options | changes))

        graph = to_base(graph_of(build, (2, 64, 8, 8), (64, 64 // groups, size, size)))
        (node,) = [n for n in graph.nodes() if n.op.name == "contract"]
        return convolution(node)

    assert other() is not None
    assert other(stride=(2, 2)) is None
    assert other(dilation=(2, 2)) is None
    assert other(groups=2) is None
    assert other(size=5) is None


@pytest.mark.parametrize(
    ("shape", "wanted"),
    {
        "many channels": ((32, 64, 64, 16, 16), True),
        "few channels": ((32, 16, 64, 16, 16), False),
        "few features": ((32, 64, 31, 16, 16), False),
        "a weight used once": ((1, 256, 256, 4, 4), False),
        "most of a tile unused": ((32, 64, 64, 5, 5), False),
    }.values(),
)
def test_pays(shape, wanted):
    for turned in (False, True):
        found = convolution(c.contraction(*shape, gradient=turned))
        assert found is not None and pays(found, FACTS) is wanted


def test_kernels_of_a_step():
    shapes = c.sizes(8, 64, 64, 16, 16)
    assert c.names(graph_of(c.conv, *shapes[:2]), FACTS) == FORWARD
    found = c.names(graph_of(c.gradients, *shapes), FACTS)
    assert sorted(found) == sorted([*FORWARD, *GRADIENT])


def test_generic_kernels_depend_on_no_extent():
    graph = graph_of(c.conv, *c.sizes(8, 64, 64, 16, 16)[:2])
    assert "winograd" not in c.names(graph, FACTS, generic=True)


def test_off_in_strict_mode():
    flags.put("FIRTH_STRICT", "1")
    try:
        graph = graph_of(c.conv, *c.sizes(8, 64, 64, 16, 16)[:2])
        assert "winograd" not in c.names(graph, FACTS)
    finally:
        flags.put("FIRTH_STRICT", None)


def test_other_dtypes_are_summed_directly():
    for dtype in (dt.float64, dt.int32):
        graph = graph_of(c.conv, *c.sizes(8, 64, 64, 16, 16)[:2], dtype=dtype)
        assert "winograd" not in c.names(graph, FACTS)


def test_second_derivatives_come_from_the_bodies():
    def build(x: Expr, w: Expr, g: Expr) -> list[Expr]:
        gx, gw = c.gradients(x, w, g)
        wrt = [x.node, w.node, g.node]
        squares = [(gx * gx).node, (gw * gw).node]
        return [Expr(n) for n in gradient(squares, [None, None], wrt) if n is not None]

    shapes = c.sizes(8, 32, 33, 8, 8)
    graph = graph_of(build, *shapes)
    assert {"winograd", "winograd_gradient"} <= set(c.names(graph, FACTS))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    for found, wanted in zip(run(cpu, graph, arrays), run(ref, graph, arrays), strict=True):
        assert c.rms(found, wanted) < 1e-5


def test_epilogues_and_updates_join():
    """Bias, activation and a residual after the convolution; a step of SGD after the gradient."""

    def build(x: Expr, w: Expr, b: Expr, g: Expr) -> tuple[Expr, ...]:
        y = c.conv(x, w, b)
        gx, gw = c.gradients(x, w, g)
        return T["maximum"](y + x, T["mul"](x, 0.0)), w - gw * 0.1, gx

    n, w, g = c.sizes(4, 32, 32, 12, 12)
    shapes = (n, w, (32,), g)
    graph = graph_of(build, *shapes)
    assert c.names(graph, FACTS).count("winograd") == 2
    assert not any("add" in name for name in c.names(graph, FACTS))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    for found, wanted in zip(run(cpu, graph, arrays), run(ref, graph, arrays), strict=True):
        assert c.rms(found, wanted) < 1e-5
