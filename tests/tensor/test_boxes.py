"""Boxes against a slow reference."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.base.errors import RecordingError, ShapeError


def random_boxes(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 10, (n, 2))
    return np.concatenate([low, low + rng.uniform(0.5, 4, (n, 2))], 1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    sides = [max(0.0, min(a[k + 2], b[k + 2]) - max(a[k], b[k])) for k in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return sides[0] * sides[1] / (sum(areas) - sides[0] * sides[1])


def test_overlaps_and_their_gradient():
    a, b = random_boxes(5, 0), random_boxes(7, 1)
    want = [[overlap(x, y) for y in b] for x in a]
    x = firth.tensor(a, requires_grad=True)
    got = firth.box_iou(x, firth.tensor(b))
    np.testing.assert_allclose(got.detach().numpy(), want, rtol=1e-12)
    got.sum().backward()
    step = np.zeros_like(a)
    step[2, 1] = 1e-6
    ends = [firth.box_iou(firth.tensor(a + s), firth.tensor(b)).sum().item() for s in (step, -step)]
    assert x.grad[2, 1].item() == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.7])
def test_nms(threshold):
    boxes, scores = random_boxes(60, 2), np.random.default_rng(3).permutation(60) / 60
    want: list[int] = []
    for i in np.argsort(-scores):
        if all(overlap(boxes[i], boxes[j]) <= threshold for j in want):
            want.append(int(i))
    got = firth.nms(firth.tensor(boxes), firth.tensor(scores), threshold)
    assert got.tolist() == want and got.dtype is firth.int64


def test_mistakes_and_empty_input():
    assert firth.nms(firth.zeros(0, 4), firth.zeros(0), 0.5).shape == (0,)
    with pytest.raises(ShapeError, match="these are not boxes"):
        firth.nms(firth.zeros(3, 5), firth.zeros(3), 0.5)
    with pytest.raises(ShapeError, match="not one score for each box"):
        firth.nms(firth.zeros(3, 4), firth.zeros(2), 0.5)
    with pytest.raises(RecordingError, match="depends on values"):
        firth.jit(lambda b: firth.nms(b, b[:, 0], 0.5))(firth.zeros(3, 4))
