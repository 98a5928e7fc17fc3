from __future__ import annotations

import numpy as np
import pytest

from tests.onnx.oracle import check, normal


def test_gather_counts_negative_places_from_the_end():
    check("Gather", normal(3, 4), np.array([[0, -1]]), axis=1)
    check("GatherElements", normal(3, 3), np.array([[0, -1, 2]]), axis=0)


@pytest.mark.parametrize("batch_dims", [0, 1])
def test_gather_nd(batch_dims):
    check("GatherND", normal(2, 2, 3), np.array([[1], [0]]), batch_dims=batch_dims)


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max", "min"])
def test_scatters(reduction):
    index = np.array([[0, 1, 2], [2, -2, 0]])
    check("ScatterElements", normal(3, 3), index, normal(2, 3, seed=1), reduction=reduction)
    check("ScatterND", normal(4, 3), np.array([[2], [-1]]), normal(2, 3, seed=2),
          reduction=reduction)  # fmt: skip


def test_topk_gives_values_and_places():
    check("TopK", normal(3, 5), np.array([2]), outputs=2, largest=0)


@pytest.mark.parametrize("sorted", [0, 1])
def test_unique_in_order_of_value_or_of_first_place(sorted):
    check("Unique", np.array([2.0, 1, 1, 3, 4, 3], np.float32), outputs=4, sorted=sorted)


def test_reverse_sequence():
    check("ReverseSequence", normal(4, 3), np.array([4, 1, 2]))
