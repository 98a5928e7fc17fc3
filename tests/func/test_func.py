"""The namespace: PyTorch's names, and the order of `grad_and_value`."""

from __future__ import annotations

import pytest

import firth


def test_gradient_comes_first() -> None:
    (g, (value, more)) = firth.func.grad_and_value(lambda x: (x * x, "more"), has_aux=True)(
        firth.tensor(3.0)
    )
    assert (g.item(), value.item(), more) == (6.0, 9.0, "more")


def test_torch_has_no_more_than_what_is_left_out() -> None:
    torch = pytest.importorskip("torch")
    named = {n for n in torch.func.__all__ if not n.startswith("_")}
    assert named - set(firth.func.__all__) <= {"functionalize", "debug_unwrap", "rearrange"}
