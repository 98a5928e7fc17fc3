"""Convolution: mistakes, and the transpose as an adjoint."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.passes.pipeline import to_base
from firth.targets.ref import target as ref
from tests.passes.graphs import run

PLAIN: dict[str, Any] = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,)}


def x(*shape: int) -> Expr:
    return Expr(input_node(0, shape, dt.float32))


def test_mistakes() -> None:
    with pytest.raises(ShapeError, match=r"3 channels do not fit.*in_channels=3"):
        ops.conv(x(2, 3, 8), x(4, 5, 3), **PLAIN)
    with pytest.raises(ShapeError, match="add the batch dimension"):
        ops.conv(x(3, 8), x(4, 3, 3), **PLAIN)
    with pytest.raises(ShapeError, match="larger than its input"):
        ops.conv(x(2, 3, 2), x(4, 3, 3), **PLAIN)
    with pytest.raises(ArgumentError, match="do not fit"):
        ops.conv(x(2, 3, 8), x(4, 3, 3), **{**PLAIN, "dilation": (1, 1)})
    with pytest.raises(ShapeError, match="output channels"):
        ops.conv(x(2, 4, 8), x(3, 2, 3), groups=2, **PLAIN)


def test_transpose_is_the_adjoint() -> None:
    """<conv(x, w), g> = <x, conv_transpose(g, w)>."""
    rng = np.random.default_rng(0)
    attrs: dict[str, Any] = {"stride": (2,), "padding": ((1, 1),), "dilation": (2,), "groups": 1}
    v, w = rng.standard_normal((2, 3, 11)), rng.standard_normal((4, 3, 3))
    y = ops.conv.ref(v, w, **attrs)
    g = rng.standard_normal(y.shape)
    back = ops.conv_transpose.ref(g, w, output_padding=(0,), **attrs)
    np.testing.assert_allclose((y * g).sum(), (v * back).sum(), rtol=1e-12)


@pytest.mark.parametrize("stride", [(2, 2), (3, 1), (2, 5)])
@pytest.mark.parametrize("padding", [((0, 0), (0, 0)), ((1, 2), (3, 0)), ((2, 0), (-1, 1))])
@pytest.mark.parametrize("kernel", [(3, 4), (1, 2), (5, 3)])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("few", [0, 1 << 20], ids=["by remainders", "as one"])
def test_input_gradients_of_strided_convolutions(
    stride: tuple[int, int], padding: tuple[tuple[int, int], ...], kernel: tuple[int, int],
    groups: int, few: int, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys.modules["firth.ops.conv"], "_FEW_PRODUCTS", few)
    attrs = {"stride": stride, "padding": padding, "dilation": (1, 1), "groups": groups}
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 4, 8, 9)), rng.standard_normal((6, 4 // groups, *kernel))
    conv = TABLE["conv"]
    g = rng.standard_normal(conv.ref(x, w, **attrs).shape)
    nodes = tuple(input_node(i, a.shape, dt.float64) for i, a in enumerate((g, x, w)))
    source, *others = map(Expr, nodes)
    assert conv.vjp is not None
    gx = conv.vjp(source, source, *others, **attrs)[0]
    (found,) = run(ref, to_base(Graph(nodes, (gx.node,))), [g, x, w])
    slope = rng.standard_normal(x.shape)
    # the convolution is linear: <gx, slope> = <g, conv(slope)>
    np.testing.assert_allclose((found * slope).sum(), (g * conv.ref(slope, w, **attrs)).sum())


def test_gradient_of_an_input_that_no_window_touches() -> None:
    image = Expr(input_node(0, (1, 1, 1, 3), dt.float32))
    kernel = Expr(input_node(1, (1, 1, 1, 3), dt.float32))
    how = {"stride": (2, 2), "padding": ((1, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    y = ops.conv(image, kernel, **how)
    assert ops.conv.vjp is not None
    g = Expr(input_node(2, y.shape, dt.float32))
    found = ops.conv.vjp(g, y, image, kernel, **how)[0]
    ones = [np.ones(s, np.float32) for s in ((1, 1, 1, 3), (1, 1, 1, 3), y.shape)]
    graph = Graph((image.node, kernel.node, g.node), (found.node,))
    (got,) = run(ref, graph, ones)
    np.testing.assert_array_equal(got, np.zeros((1, 1, 1, 3), np.float32))
