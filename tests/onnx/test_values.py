from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest

import firth
from firth.base.errors import DTypeError
from firth.onnx import values


def test_every_element_type_of_the_format_is_known():
    for name, number in onnx.TensorProto.DataType.items():
        if name != "UNDEFINED":
            assert values.element(number) == onnx.helper.tensor_dtype_to_np_dtype(number)
            assert values.number_of(values.element(number)) == number
    with pytest.raises(DTypeError, match="unknown element type"):
        values.element(99)


def test_what_tensors_cannot_hold_stays_an_array():
    text = np.array(["a"], object)
    assert values.is_foreign(text) and values.as_tensor(text) is text
    assert values.is_foreign(np.zeros(2, ml_dtypes.float8_e4m3fn))
    assert isinstance(values.as_tensor(np.zeros(2, ml_dtypes.bfloat16)), firth.Tensor)
    assert values.as_array(firth.ones(2)).tolist() == [1.0, 1.0]
