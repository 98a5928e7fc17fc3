from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from firth.onnx.ops.cast import cast_array
from firth.onnx.values import number_of
from tests.onnx.oracle import check


@pytest.mark.parametrize("kind", [np.int32, np.bool_, ml_dtypes.bfloat16, np.float16])
def test_casts_of_floats(kind):
    check("Cast", np.array([0, 1.5, -2.25, 100], np.float32), to=number_of(np.dtype(kind)))


def test_narrow_floats_saturate_unless_told_otherwise():
    x = np.array([1000.0, -np.inf, np.nan], np.float32)
    kind = np.dtype(ml_dtypes.float8_e4m3fn)
    assert cast_array(x, kind).astype(np.float32).tolist()[:2] == [448.0, -448.0]
    assert np.isnan(cast_array(x, kind, saturate=False).astype(np.float32)).all()


def test_four_bits_are_the_lowest():
    x = np.array([7, 8, -9], np.int64)
    assert cast_array(x, np.dtype(ml_dtypes.int4)).astype(int).tolist() == [7, -8, 7]
    assert cast_array(x, np.dtype(ml_dtypes.uint4)).astype(int).tolist() == [7, 8, 7]


def test_text_becomes_numbers_and_back():
    text = np.array(["1.5", "-3", "inf"], object)
    assert cast_array(text, np.dtype(np.float32)).tolist() == [1.5, -3.0, np.inf]
    assert cast_array(np.array([1, 2]), np.dtype(object)).tolist() == ["1", "2"]
