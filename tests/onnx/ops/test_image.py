from __future__ import annotations

import io

import numpy as np
import pytest

import firth
from tests.onnx.oracle import check, node_model, normal, run

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("where", ["half_pixel", "align_corners", "asymmetric"])
def test_resize_grows_and_shrinks(mode, where):
    check(
        "Resize", normal(1, 1, 4, 5), None, None, np.array([1, 1, 7, 3]), mode=mode,
        coordinate_transformation_mode=where, rtol=1e-3,
    )  # fmt: skip


def test_antialiased_shrinking_is_as_in_pytorch():
    x = normal(1, 2, 12, 9)
    sizes = np.array([5, 4])
    model = node_model("Resize", [x, None, None, sizes], mode="linear", antialias=1, axes=[2, 3],
                       exclude_outside=1)  # fmt: skip
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(x), (5, 4), mode="bilinear", antialias=True
    )
    np.testing.assert_allclose(run(model, x, sizes)[0], wanted.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "mode, padding",  # the standard holds places at the border before cubic interpolation
    [(m, p) for m in ("linear", "nearest", "cubic") for p in ("zeros", "border", "reflection")
     if (m, p) != ("cubic", "border")],
)  # fmt: skip
def test_grid_sample_and_its_gradient_are_as_in_pytorch(mode, padding):
    x, grid = normal(2, 3, 4, 5), normal(2, 3, 2, 2, seed=1)
    model = firth.onnx.load(node_model("GridSample", [x, grid], mode=mode, padding_mode=padding))
    ours = firth.tensor(x, requires_grad=True)
    theirs = torch.from_numpy(x).requires_grad_()
    names = {"linear": "bilinear", "cubic": "bicubic"}
    y = model(ours, firth.tensor(grid))
    wanted = torch.nn.functional.grid_sample(
        theirs, torch.from_numpy(grid), names.get(mode, mode), padding, align_corners=False
    )
    (y * y).sum().backward()
    (wanted * wanted).sum().backward()
    np.testing.assert_allclose(y.detach().numpy(), wanted.detach().numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-3, atol=1e-4)


def test_columns_become_an_image():
    x = normal(2, 3 * 6, 8)
    wanted = torch.nn.functional.fold(torch.from_numpy(x), (4, 6), (2, 3), stride=(2, 1))
    shape, block = np.array([4, 6]), np.array([2, 3])
    model = node_model("Col2Im", [x, shape, block], strides=[2, 1])
    np.testing.assert_allclose(run(model, x, shape, block)[0], wanted.numpy(), rtol=1e-5)


def test_boxes_that_overlap_a_better_one_are_dropped():
    boxes = np.array([[[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 10, 1, 11]]], np.float32)
    scores = np.array([[[0.9, 0.95, 0.5]]], np.float32)
    given = [boxes, scores, np.array([3]), np.array([0.5], np.float32)]
    assert run(node_model("NonMaxSuppression", given), *given)[0].tolist() == [
        [0, 0, 1], [0, 0, 2]
    ]  # fmt: skip


def test_a_region_of_one_pixel_each_is_the_picture():
    x = normal(1, 2, 4, 4)
    rois, batch = np.array([[0, 0, 4, 4]], np.float32), np.array([0])
    same = {"output_height": 4, "output_width": 4, "sampling_ratio": 1}
    found = run(node_model("RoiAlign", [x, rois, batch], **same), x, rois, batch)[0]
    np.testing.assert_allclose(found, x, rtol=1e-5)
    pooled = node_model("MaxRoiPool", [x, np.array([[0, 0, 0, 3, 3]], np.float32)],
                        pooled_shape=[2, 2])  # fmt: skip
    found = run(pooled, x, np.array([[0, 0, 0, 3, 3]], np.float32))[0]
    np.testing.assert_array_equal(found[0], x[0].reshape(2, 2, 2, 2, 2).max((2, 4)))


def test_pictures_are_decoded():
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    file = io.BytesIO()
    image.fromarray(pixels).save(file, "PNG")
    data = np.frombuffer(file.getvalue(), np.uint8)
    found = run(node_model("ImageDecoder", [data], pixel_format="BGR"), data)[0]
    np.testing.assert_array_equal(found, pixels[:, :, ::-1])
