"""Gradients of weights by Winograd's algorithm, with the code of several machines."""

from __future__ import annotations

import numpy as np
import pytest

from firth.ir.op import Expr
from firth.passes.winograd import convolution
from firth.passes.winograd_gradient import split
from tests.passes import convolutions as c
from tests.passes.graphs import graph_of

SHAPES = (
    (4, 32, 32, 8, 8),
    (9, 32, 64, 16, 16),  # parts of several blocks, the last of them short
    (3, 40, 33, 15, 14),
    (1, 96, 80, 13, 30),
)
TWO, ONE = ["winograd_sums", "winograd_gradient"], ["winograd_gradient"]


def weights(x: Expr, w: Expr, g: Expr) -> Expr:
    """The gradient of the weights."""
    return c.gradients(x, w, g)[1]


@pytest.mark.parametrize("machine", c.MACHINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients(shape, machine):
    rng = np.random.default_rng(sum(shape))
    x, w, g = (rng.standard_normal(s).astype(np.float32) for s in c.sizes(*shape))
    graph = graph_of(weights, x.shape, w.shape, g.shape)
    target = c.MACHINES[machine]
    assert c.names(graph, target) in (TWO, ONE)
    (found,) = c.run(graph, target, [x, w, g])
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    exact = np.einsum("ncyxij,noyx->ocij", windows, g.astype(np.float64), optimize=True)
    assert c.rms(found, exact) < 5e-6


@pytest.mark.parametrize(
    "shape", [(32, 32, 32, 32, 32), (32, 256, 256, 4, 4), (1, 64, 64, 224, 224), (7, 33, 500, 9, 9)]
)
def test_parts_cover_the_images(shape):
    conv = convolution(c.contraction(*shape, gradient=True))
    assert conv is not None
    found = split(conv, c.WIDE)
    rows, _ = conv.tiles
    assert found.block.images == 1 or found.block.down == rows
    assert found.block.images * found.repeat[0] <= max(shape[0], found.block.images * 8)
    assert found.channels % 32 == 0 and found.features % 32 == 0


@pytest.mark.parametrize(
    ("shape", "names"), [((8, 128, 128, 8, 8), ONE), ((8, 32, 64, 16, 16), TWO)]
)
def test_one_kernel_where_channels_are_tiles_enough(shape, names):
    graph = graph_of(weights, *c.sizes(*shape))
    assert c.names(graph, c.WIDE) == names
