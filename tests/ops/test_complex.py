"""Parts of complex numbers, and numbers made of parts."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import DTypeError, ShapeError
from firth.ir.op import input_node


def test_dtypes_of_parts_and_of_the_whole() -> None:
    z, x = input_node(0, (3, 2), dt.complex128), input_node(1, (3, 2), dt.float32)
    assert ops.real(z).dtype is dt.float64 and ops.angle(z).dtype is dt.float64
    assert ops.complex(x, x).dtype is dt.complex64
    assert ops.view_as_real(z).shape == (3, 2, 2)
    assert ops.view_as_complex(x).shape == (3,)


def test_what_is_refused() -> None:
    z, x = input_node(0, (3,), dt.complex64), input_node(1, (3,), dt.float32)
    with pytest.raises(DTypeError, match="real: has no meaning"):
        ops.real(x)
    with pytest.raises(DTypeError, match="complex: has no meaning"):
        ops.complex(z, x)
    with pytest.raises(ShapeError, match="view_as_complex"):
        ops.view_as_complex(x)


def test_infinite_parts_stay_apart() -> None:
    found = ops.complex.ref(np.array([np.inf, 1.0]), np.array([2.0, -np.inf]))
    assert found.real.tolist() == [np.inf, 1.0] and found.imag.tolist() == [2.0, -np.inf]
