from __future__ import annotations

import numpy as np
import pytest

from firth.onnx.ops.reduction import RULES
from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize("kind", RULES)
def test_reductions_over_axes_given_as_input(kind):
    check(kind, np.abs(normal(2, 3, 4)), np.array([0, -1]), keepdims=0, opset=18)


def test_no_axes_mean_all_of_them_or_none():
    check("ReduceSum", normal(2, 3), np.zeros(0, np.int64))
    check("ReduceSum", normal(2, 3), np.zeros(0, np.int64), noop_with_empty_axes=1)


def test_axes_were_an_attribute():
    x = normal(2, 3, 4)
    found = run(node_model("ReduceMean", [x], opset=11, axes=[1], keepdims=0), x)[0]
    np.testing.assert_allclose(found, x.mean(1), rtol=1e-5)


@pytest.mark.parametrize("last", [0, 1])
def test_the_first_or_last_of_equals(last):
    check("ArgMax", np.array([[2, 2, 1], [0, 3, 3]], np.float32), axis=1, select_last_index=last)
