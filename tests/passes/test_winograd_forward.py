"""Convolutions by Winograd's algorithm against float64, with the code of several machines."""

from __future__ import annotations

import numpy as np
import pytest

from firth.passes.winograd import convolution
from firth.passes.winograd_forward import plan
from tests.passes import convolutions as c
from tests.passes.graphs import graph_of

SHAPES = (
    (4, 32, 32, 8, 8),  # several images a block
    (1, 32, 64, 32, 32),  # one image, several blocks
    (3, 40, 33, 15, 14),  # nothing a multiple of anything
    (1, 48, 35, 13, 30),
)


def exact(x: np.ndarray, w: np.ndarray, padding: int = 1) -> np.ndarray:
    """The convolution in float64."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
    return np.einsum("ncyxij,ocij->noyx", windows, w.astype(np.float64), optimize=True)


def draw(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An image and weights."""
    rng = np.random.default_rng(sum(shape))
    x, w, _ = (rng.standard_normal(s).astype(np.float32) for s in c.sizes(*shape))
    return x, w


@pytest.mark.parametrize("machine", c.MACHINES)
@pytest.mark.parametrize("shape", SHAPES)
def test_convolutions(shape, machine):
    x, w = draw(shape)
    graph = graph_of(c.conv, x.shape, w.shape)
    target = c.MACHINES[machine]
    assert c.names(graph, target) == ["winograd_weights", "winograd"]
    (found,) = c.run(graph, target, [x, w])
    assert c.rms(found, exact(x, w)) < 5e-6


def test_windows_without_padding():
    x, w = draw((2, 32, 32, 13, 18))
    graph = graph_of(lambda a, b: c.conv(a, b, padding=0), x.shape, w.shape)
    assert "winograd" in c.names(graph, c.WIDE)
    (found,) = c.run(graph, c.WIDE, [x, w])
    assert c.rms(found, exact(x, w, padding=0)) < 5e-6


def test_the_error_is_that_of_the_algorithm():
    """Ten times a direct sum's at most: 3e-7 for 64 channels."""
    x, w = draw((2, 64, 64, 16, 16))
    (found,) = c.run(graph_of(c.conv, x.shape, w.shape), c.WIDE, [x, w])
    assert 3e-7 < c.rms(found, exact(x, w)) < 3e-6


@pytest.mark.parametrize("shape", [(32, 32, 32, 8, 8), (1, 64, 64, 224, 224), (5, 512, 512, 8, 12)])
def test_blocks_cover_the_images(shape):
    conv = convolution(c.contraction(*shape))
    assert conv is not None
    found = plan(conv, c.WIDE)
    rows, across = conv.tiles
    block = found.block
    assert 1 <= block.down <= rows and 1 <= block.images <= shape[0]
    assert block.images == 1 or block.down == rows
    assert block.images * block.down * across <= max(64, across)
    assert found.features % 32 == 0 and found.features <= shape[2]


def test_features_are_parted_where_tiles_are_few():
    """Each part reads its weights once; the tiles are transformed for each of them."""
    conv = convolution(c.contraction(16, 256, 256, 4, 4))
    assert conv is not None
    assert plan(conv, c.WIDE).features < 256
    x, w = draw((16, 256, 256, 4, 4))
    (found,) = c.run(graph_of(c.conv, x.shape, w.shape), c.WIDE, [x, w])
    assert c.rms(found, exact(x, w)) < 5e-6
