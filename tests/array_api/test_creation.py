"""Making arrays: copies, shared memory, ranges."""

from __future__ import annotations

import array

import numpy as np
import pytest

from firth import array_api as xp
from tests.array_api.same import check


@pytest.mark.parametrize("text", [
    "xp.eye(3, 4, k=1, dtype=xp.float64)",
    "xp.linspace(0., 1., 5, endpoint=False, dtype=xp.float64)",
    "xp.arange(5, 0, -2)", "xp.arange(5, 2)",
    "xp.meshgrid(a[0], b[:, 0])", "xp.full(3, 7)", "xp.tril(a, k=-1)",
    "xp.zeros((), dtype=xp.uint16)", "xp.full_like(a, 2.5)",
])  # fmt: skip
def test_as_numpy(text: str) -> None:
    check(text)


def test_ranges_of_nothing() -> None:
    assert xp.arange(1, 0.0, 1).dtype is xp.arange(1.0, 0).dtype is xp.float32
    assert xp.arange(1, 0).dtype is xp.int64 and xp.arange(1, 0).shape == (0,)


def test_a_diagonal_beyond_64_bits() -> None:
    assert xp.eye(2, 3, k=2**65).tolist() == xp.eye(2, 3, k=-(2**65)).tolist() == [[0] * 3] * 2
    assert xp.eye(0, k=-(2**65)).shape == (0, 0)


def test_asarray_copies_when_it_must() -> None:
    x = xp.asarray([1.0, 2.0])
    assert xp.asarray(x) is x
    assert xp.asarray(x, copy=True) is not x
    with pytest.raises(ValueError, match="needs a copy"):
        xp.asarray(x, dtype=xp.float64, copy=False)
    with pytest.raises(ValueError, match="needs a copy"):
        xp.asarray([1.0], copy=False)
    assert xp.asarray(array.array("h", [1, 2])).dtype is xp.int16


def test_shared_memory_is_read_when_it_is_used() -> None:
    theirs = np.arange(3.0)
    x = xp.asarray(theirs, copy=False)
    theirs[0] = 9
    assert x[0] == 9


def test_integers_that_do_not_fit() -> None:
    with pytest.raises(OverflowError, match="does not fit"):
        xp.asarray([2**63])
    assert int(xp.asarray(2**63, dtype=xp.uint64)) == 2**63


def test_dlpack_copies_when_told() -> None:
    theirs = np.arange(3)
    for copy, value in ((True, 0), (None, 9)):
        theirs[0] = 0
        x = xp.from_dlpack(theirs, copy=copy)
        theirs[0] = 9
        assert int(x[0]) == value
    with pytest.raises(ValueError, match="needs a copy"):
        xp.from_dlpack(theirs[::2], copy=False)
    back = np.from_dlpack(xp.asarray([1.0, 2.0]), copy=True)
    back[0] = 5
