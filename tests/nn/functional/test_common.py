"""firth.nn.functional.common."""

from __future__ import annotations

import pytest

from firth.nn.functional.common import as_shape, check_reduction, per_dim


def test_sizes() -> None:
    assert per_dim(3, 2) == (3, 3)
    assert per_dim((3,), 2) == (3, 3)
    assert per_dim([1, 2], 2) == (1, 2)
    with pytest.raises(ValueError):
        per_dim((1, 2, 3), 2)
    assert as_shape(3) == (3,)
    assert as_shape([3, 4]) == (3, 4)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="reduction"):
        check_reduction("mse_loss", "batchmean")
    check_reduction("kl_div", "batchmean")
