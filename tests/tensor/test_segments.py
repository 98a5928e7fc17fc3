"""Segments, hashes and sums to a size, against PyTorch."""

import pytest

import firth
from firth.base.errors import ShapeError
from tests.tensor.parity import check

TEXTS = """
m.hash_tensor(x), m.hash_tensor(x, dim=0), m.hash_tensor(i, dim=(0, 2), keepdim=True)
m.scalar_tensor(3), m._softmax_backward_data(x, x.softmax(1), 1, m.float32)
x.sum_to_size(1, 4), i.sum_to_size((3, 1))
tuple(m.broadcast_shapes((3, 1), (1, 4), 4))
m.segment_reduce(x, "mean", lengths=m.tensor([1, 0, 2]), initial=1.0)
m.segment_reduce(x, "max", lengths=m.tensor([1, 2]))
m.segment_reduce(x, "prod", lengths=m.tensor([3, 0]))
m.segment_reduce(x, "min", lengths=m.tensor([1, 1]), unsafe=True, initial=0.0)
m.segment_reduce(x, "sum", offsets=m.tensor([[0, 1, 4], [0, 4, 4], [0, 2, 4]]), axis=1)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_lengths_that_do_not_add_up():
    with pytest.raises(ShapeError, match="segment_reduce: the lengths don't add up"):
        firth.segment_reduce(firth.ones(3), "sum", lengths=firth.tensor([1, 1]))
