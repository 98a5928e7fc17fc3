"""pack and unpack against the einops package."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth import einops
from firth.base.errors import FirthError

theirs = pytest.importorskip("einops")


def test_there_and_back():
    parts = [np.full((2, 5), 1.0), np.full((2, 3, 5), 2.0), np.full((2, 2, 4, 5), 3.0)]
    mine, shapes = einops.pack([firth.tensor(p) for p in parts], "i * k")
    right, want = theirs.pack(parts, "i * k")
    np.testing.assert_array_equal(mine.numpy(), right)
    assert shapes == [tuple(s) for s in want]
    for back, part in zip(einops.unpack(mine, shapes, "i * k"), parts, strict=True):
        np.testing.assert_array_equal(back.numpy(), part)
    assert einops.unpack(mine, [(-1,), (2, 4)], "i * k")[0].shape == (2, 4, 5)


def test_what_is_refused():
    x = firth.zeros(2, 5)
    for pattern in ("i k", "i * *", "i i *", "_a *"):
        with pytest.raises(FirthError, match="pack: "):
            einops.pack([x], pattern)
    with pytest.raises(FirthError, match="pack: a tensor has too few dimensions"):
        einops.pack([x], "i j k *")
    for shapes in ([(2,), (2,)], [(-1,), (-1,)], [(6,), (-1,)]):
        with pytest.raises(FirthError, match="unpack: the shapes do not add up"):
            einops.unpack(x, shapes, "i *")
