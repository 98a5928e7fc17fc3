"""Strides as PyTorch's memory has them."""

from __future__ import annotations

import pytest

from tests.tensor.parity import check

VIEWS = [
    "x", "x.t()", "x[1:, ::2]", "x[None]", "x.expand(2, 3, 4)", "i.permute(2, 0, 1)", "i[1]",
    "i[:, 1]", "i.transpose(0, 2)[1:]", "i.flatten(1)", "x.t()[1:3].t()", "i[..., ::3]",
    "x.reshape(3, 2, 2).transpose(0, 1)", "x.view(1, 12)[0]",
]  # fmt: skip


@pytest.mark.parametrize("text", VIEWS)
def test_strides_and_views(text: str) -> None:
    check(f"list(({text}).stride())")
    check(f"({text}).is_contiguous()")
    check(f"list(({text}).reshape(-1).stride())")


def test_views_that_memory_does_not_allow() -> None:
    import firth

    with pytest.raises(firth.FirthError, match="don't lie in memory"):
        firth.zeros(2, 3).t().view(-1)
    assert firth.zeros(2, 3).t().reshape(-1).shape == (6,)
