"""Cutting, joining and turning, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError, ShapeError
from tests.tensor.parity import check

TEXTS = """
x.tensor_split(3, 1), x.tensor_split((1, -1), 1), i.tensor_split(5)
x.hsplit(2), i.vsplit(2), i.dsplit((1, 3)), x.split_with_sizes([1, 3], 1)
x.unfold(1, 2, 1), i.unfold(-1, 3, 2)
m.atleast_1d(m.tensor(1)), m.atleast_2d(x, m.tensor(1)), m.atleast_3d(x), m.atleast_3d(m.arange(2))
m.dstack([x, x]), m.column_stack([m.arange(3), m.ones(3, 2)]), m.block_diag(x, m.ones(2, 1))
m.cartesian_prod(m.arange(2), m.arange(3)), m.combinations(m.arange(4), 2, True)
x.fliplr(), x.flipud(), m.rot90(x), m.rot90(i, -1, (1, 2)), m.rot90(x, 2)
m.diag_embed(x, 1, 0, 2), m.diag_embed(x, -2), m.diagflat(x, 1)
x.select_scatter(m.zeros(4), 0, 1), m.slice_scatter(x, m.zeros(3, 2), 1, 0, 4, 2)
x.diagonal_scatter(m.zeros(3), 1)
m.permute_copy(x, (1, 0)), m.unbind_copy(x), m.view_copy(x, (4, 3))
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_a_copy_shares_no_memory():
    x = firth.zeros(3)
    firth.unsqueeze_copy(x, 0).fill_(1.0)
    assert x.tolist() == [0.0, 0.0, 0.0]


def test_writing_into_a_part_is_differentiable():
    x = firth.ones(2, 3, requires_grad=True)
    part = firth.ones(3, requires_grad=True)
    (x.select_scatter(part, 0, 1) * 2).sum().backward()
    assert x.grad.tolist() == [[2.0, 2.0, 2.0], [0.0, 0.0, 0.0]]
    assert part.grad.tolist() == [2.0, 2.0, 2.0]


def test_errors_say_what_fits():
    with pytest.raises(ShapeError, match="hsplit: the parts would not be equal"):
        firth.ones(2, 3).hsplit(2)
    with pytest.raises(ArgumentError, match="rot90: a dimension is named twice"):
        firth.ones(2, 3).rot90(1, (0, 0))
