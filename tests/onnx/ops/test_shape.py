from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.onnx.ops.shape import slices, split_sizes, squeezed, unsqueezed
from tests.onnx.oracle import check, node_model, normal, run


def test_reshape_keeps_extents_of_zero_and_fills_in_one():
    check("Reshape", normal(2, 3, 4), np.array([0, -1]))


@pytest.mark.parametrize(
    "starts, ends, axes, steps",
    [([0, 1], [2, -1], [0, 2], [1, 2]), ([-1], [-100], [1], [-1]), ([3], [-(2**63)], [2], [-2]),
     ([-100], [2**62], [1], [2]), ([5], [2], [2], [1])],
)  # fmt: skip
def test_slices_clamp_and_go_backwards(starts, ends, axes, steps):
    check("Slice", normal(3, 4, 5), *map(np.array, (starts, ends, axes, steps)))


def test_slices_of_a_shape():
    assert slices((4,), [2], [0], [0], [-1]) == (slice(2, 0, -1),)
    assert split_sizes(7, 3) == [3, 3, 1]
    assert squeezed((1, 2, 1), [0]) == (2, 1)
    assert unsqueezed((2, 3), [0, -1]) == (1, 2, 3, 1)


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pads(mode):
    check("Pad", normal(3, 4), np.array([1, 2, 0, 1]), mode=mode)


def test_negative_pads_cut():
    x = normal(3, 4)
    pads = np.array([1, -1, 0, -2])
    found = run(node_model("Pad", [x, pads]), x, pads)[0]
    np.testing.assert_array_equal(found, np.pad(x[:, 1:2], ((1, 0), (0, 0))))


def test_a_shape_is_known_while_jit_records():
    x = firth.rand(2, 3)
    model = firth.onnx.load(node_model("Shape", [x.numpy()]))
    assert firth.jit(lambda x: model(x) * 2)(x).tolist() == [4, 6]


def test_one_hot_knows_negative_places():
    x, depth = np.array([0, -1, 7]), np.array(3)
    found = run(node_model("OneHot", [x, depth, normal(2)]), x, depth, normal(2))[0]
    off, on = normal(2)
    np.testing.assert_array_equal(found, [[on, off, off], [off, off, on], [off, off, off]])


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode):
    check("DepthToSpace", normal(1, 8, 2, 3), blocksize=2, mode=mode)
