"""Writing at places, against PyTorch."""

import pytest

import firth
from firth.base.errors import DTypeError
from tests.tensor.parity import check

TEXTS = """
x.index_add(0, m.tensor([0, 0]), m.ones(2, 4), alpha=2), x.index_select(1, m.tensor([3, 0]))
x.index_copy(1, m.tensor([2, 0]), m.zeros(3, 2)), x.index_fill(0, m.tensor([1]), 5)
m.ones(3, 2).index_reduce(0, m.tensor([0, 2, 0]), m.full((3, 2), 3.0), "mean", include_self=False)
x.index_put((m.tensor([0, 0]), m.tensor([1, 1])), m.tensor([1.0, 2.0]), accumulate=True)
m.index_put(x, [m.tensor([0, 2])], m.zeros(4))
x.put(m.tensor([0, -1]), m.tensor([7.0, 8.0])), x.take(m.tensor([[0, -1]]))
x.masked_scatter(x > 0, m.arange(12.0)), m.argwhere(x > 0)
m.nonzero_static(x > 0, size=3, fill_value=-2)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)


def test_index_put_in_place_writes():
    x = firth.zeros(3)
    x.index_put_((firth.tensor([0, 2]),), firth.tensor(1.0))
    assert x.tolist() == [1.0, 0.0, 1.0]


def test_another_dtype_is_refused():
    with pytest.raises(DTypeError, match="put: the source has another dtype"):
        firth.zeros(3).put(firth.tensor([0]), firth.tensor([1]))
