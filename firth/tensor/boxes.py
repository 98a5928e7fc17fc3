"""Boxes of detectors, torchvision's names: areas, overlaps, and the best ones that do not overlap.

A box is (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ShapeError, message
from firth.tensor.creation import refuse_in_jit, wrap
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import apply, user_line


def box_area(boxes: Tensor) -> Tensor:
    """Areas of boxes: (N, 4) -> (N)."""
    _check("box_area", boxes)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of every pair: (N, 4), (M, 4) -> (N, M)."""
    _check("box_iou", boxes1)
    _check("box_iou", boxes2)
    low = apply("maximum", boxes1[:, None, :2], boxes2[None, :, :2])
    high = apply("minimum", boxes1[:, None, 2:], boxes2[None, :, 2:])
    sides = apply("maximum", high - low, 0)
    shared = sides[..., 0] * sides[..., 1]
    return shared / (box_area(boxes1)[:, None] + box_area(boxes2)[None] - shared)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Places of the boxes that no better one overlaps by more than a share, best first, at once.

    boxes: (N, 4), scores: (N) -> (n) int64. jit refuses it: how many depends on values.
    """
    _check("nms", boxes)
    if tuple(scores.shape) != tuple(boxes.shape[:1]):
        raise ShapeError(
            message(
                "nms", "not one score for each box", str(tuple(scores.shape)),
                str(tuple(boxes.shape[:1])), "pass one class at a time",
            )
        ).at(user_line())  # fmt: skip
    refuse_in_jit("nms", "the size of the result depends on values", "call it outside")
    overlaps = contents(box_iou(boxes, boxes)) > iou_threshold
    left = np.ones(len(overlaps), bool)
    kept = []
    for i in np.argsort(-contents(scores), kind="stable"):
        if left[i]:
            kept.append(i)
            left &= ~overlaps[i]
    return wrap(np.array(kept, np.int64), dt.int64)


def _check(name: str, boxes: Tensor) -> None:
    shape = tuple(boxes.shape)
    if len(shape) != 2 or shape[1] != 4:
        raise ShapeError(
            message(name, "these are not boxes", str(shape), "(N, 4)",
                    "stack (x1, y1, x2, y2) as rows")
        ).at(user_line())  # fmt: skip


METHODS: dict[str, Callable[..., Any]] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {"box_area": box_area, "box_iou": box_iou, "nms": nms}
