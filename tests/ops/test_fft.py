"""Transforms of the last axes: what is refused, and how precise single precision is."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, ShapeError
from firth.ir.op import input_node


def test_shapes_and_dtypes() -> None:
    x, z = input_node(0, (2, 5), dt.float32), input_node(1, (2, 3), dt.complex128)
    assert ops.fft(x, ndim=1).dtype is dt.complex64 and ops.fft(x, ndim=2).shape == (2, 5)
    assert ops.rfft(x, ndim=1).shape == (2, 3)
    assert ops.irfft(z, ndim=1, odd=True).shape == (2, 5)
    assert ops.irfft(z, ndim=1, odd=False).shape == (2, 4)
    assert ops.irfft(z, ndim=1, odd=False).dtype is dt.float64


def test_what_is_refused() -> None:
    x, z = input_node(0, (2, 5), dt.float32), input_node(1, (2, 3), dt.complex64)
    with pytest.raises(ArgumentError, match="norm"):
        ops.fft(x, ndim=1, norm="none")
    with pytest.raises(ShapeError, match="not so many axes"):
        ops.fft(x, ndim=3)
    with pytest.raises(ShapeError, match="nothing to transform"):
        ops.fft(input_node(0, (2, 0), dt.float32), ndim=1)
    with pytest.raises(DTypeError, match="complex"):
        ops.rfft(z, ndim=1)
    with pytest.raises(DTypeError, match="no transform of this dtype"):
        ops.fft(input_node(0, (2,), dt.int64), ndim=1)
    with pytest.raises(ShapeError, match="nothing comes out"):
        ops.irfft(input_node(0, (2, 1), dt.complex64), ndim=1, odd=False)


def test_single_precision_is_as_good_as_single_precision_can_be() -> None:
    x = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
    found = ops.fft.ref(x, ndim=1, inverse=False, norm="backward")
    exact = np.fft.fft(x.astype(float))
    assert found.dtype == np.complex64
    assert np.abs(found - exact).max() < 1e-6 * np.abs(exact).max()
