"""Every optimizer of PyTorch's database that exists here takes the same steps, or is listed."""

from __future__ import annotations

import pytest

pytest.importorskip("expecttest")  # torch.testing wants it

from tests.conformance.torch.optimizers import entries, measure

ENTRIES = entries()


@pytest.mark.parametrize("name", ENTRIES)
def test_optimizer(name):
    result = measure(name, ENTRIES[name])
    assert result.passes, result.why
    assert not result.errors.wrong, result.errors.first
