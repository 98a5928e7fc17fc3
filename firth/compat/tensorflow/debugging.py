"""`tf.debugging`: checks of values, made at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.compat.missing import refuse
from firth.compat.tensorflow._functions import convert_to_tensor


def _check(name: str, holds: bool, got: str, expected: str, text: Any) -> None:
    if not holds:
        raise ArgumentError(
            message(name, text or "the check fails", got, expected, "look at the values")
        )


def assert_equal(x: Any, y: Any, message: Any = None, **_: Any) -> None:
    """Raises ArgumentError unless all elements are equal."""
    x, y = np.asarray(convert_to_tensor(x)), np.asarray(convert_to_tensor(y))
    _check("assert_equal", bool(np.all(x == y)), str(x), str(y), message)


def assert_near(
    x: Any, y: Any, rtol: float = 1e-6, atol: float = 1e-6, message: Any = None, **_: Any
) -> None:
    """Raises ArgumentError unless all elements are close."""
    x, y = np.asarray(convert_to_tensor(x)), np.asarray(convert_to_tensor(y))
    _check("assert_near", bool(np.allclose(x, y, rtol, atol)), str(x), str(y), message)


def assert_all_finite(x: Any, message: Any = None, **_: Any) -> Any:
    """Raises ArgumentError for NaN and infinities; gives x back."""
    _check("assert_all_finite", bool(np.isfinite(np.asarray(convert_to_tensor(x))).all()),
           "NaN or infinity", "finite numbers", message)  # fmt: skip
    return x


check_numerics = assert_all_finite
__getattr__ = refuse(globals())
