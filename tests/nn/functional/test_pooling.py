"""Pooling with places, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError
from tests.tensor.parity import check

TEXTS = """
F.max_pool2d(i.float(), 2, stride=1, padding=1, return_indices=True)
F.max_pool1d(x, 3, ceil_mode=True, stride=2, return_indices=True)
F.adaptive_max_pool2d(i.float(), (2, 3), return_indices=True), F.adaptive_max_pool1d(x, 3)
F.max_unpool2d(*F.max_pool2d(i[None, :, :2].float(), 2, return_indices=True), 2)
F.max_unpool1d(m.ones(1, 1, 2), m.tensor([[[1, 3]]]), 2, output_size=(5,))
F.avg_pool2d(i.float(), 2, 1, divisor_override=3)
F.avg_pool2d(i.float(), 2, padding=1, ceil_mode=True, divisor_override=5)
F.lp_pool1d(x.abs(), 2, 2), F.lp_pool1d(x, 3, 2), F.lp_pool2d(i.float(), 3, 2)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_norms_of_nothing_have_no_slope():
    x = firth.tensor([[[0.0, 0.0, -1.0, 1.0]]], requires_grad=True)
    firth.nn.functional.lp_pool1d(x, 1.5, 2).sum().backward()
    assert x.grad[0, 0, :2].tolist() == [0.0, 0.0]
    assert x.grad[0, 0, 2:].isnan().all().item()


def test_windows_that_do_not_move():
    with pytest.raises(ArgumentError, match="pool: windows that do not move"):
        firth.nn.functional.max_pool2d(firth.ones(1, 3, 3), 2, stride=0)


def test_places_of_maxima_are_differentiable():
    x = firth.tensor([[[1.0, 3.0, 2.0, 0.0]]], requires_grad=True)
    values, _ = firth.nn.functional.max_pool1d(x, 2, return_indices=True)
    values.sum().backward()
    assert x.grad.tolist() == [[[0.0, 1.0, 1.0, 0.0]]]
