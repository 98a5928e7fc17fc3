"""Sources."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base import dtype as dt
from firth.base.errors import ShapeError


def test_linspace_ends_exactly() -> None:
    found = ops.linspace.ref(start=0.1, stop=0.7, extent=11, dtype=dt.float32)
    assert found[0] == np.float32(0.1) and found[-1] == np.float32(0.7)


def test_iota_wraps_in_small_dtypes() -> None:
    assert ops.iota.ref(extent=300, dtype=dt.uint8)[-1] == 43


def test_negative_extents_are_refused() -> None:
    with pytest.raises(ShapeError, match="arange"):
        ops.arange(start=0, step=1, extent=-1, dtype=dt.int64)
    with pytest.raises(ShapeError, match="full"):
        ops.full(shape=(2, -1), value=0, dtype=dt.int64)
