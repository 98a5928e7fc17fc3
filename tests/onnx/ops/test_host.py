from __future__ import annotations

import numpy as np
import pytest

from firth.onnx import registry
from firth.onnx.registry import find, find_host
from tests.onnx.oracle import node_model, run

X = np.array([[3, -2, 5], [0, 7, -8]])


@pytest.mark.parametrize(
    "kind, inputs, attributes",
    [("Div", (X, np.array([2, -3, 4])), {}), ("Mod", (X, np.array(3)), {}),
     ("Slice", (X, np.array([0]), np.array([-9]), np.array([1]), np.array([-1])), {}),
     ("Gather", (X, np.array([-1])), {"axis": 1}), ("Concat", (X, X), {"axis": 1}),
     ("ReduceProd", (X, np.array([1])), {}), ("Unsqueeze", (X, np.array([0])), {}),
     ("Expand", (X, np.array([2, 1, 3])), {}), ("Where", (X > 0, X, -X), {})],
)  # fmt: skip
def test_arrays_and_tensors_have_the_same_answer(kind, inputs, attributes):
    """NumPy's form of an operator beside that of tensors."""
    tensors = run(node_model(kind, list(inputs), **attributes), *inputs)[0]
    array = find_host("", kind, 22).rule(*inputs, **attributes)
    assert array.dtype == tensors.dtype
    np.testing.assert_array_equal(array, tensors)


def test_every_form_for_arrays_belongs_to_an_operator():
    for domain, name in registry._HOST:
        assert find(domain, name, 99) is not None


def test_division_by_zero_is_an_error():
    with pytest.raises(ZeroDivisionError):
        find_host("", "Div", 22).rule(X, np.array(0))
