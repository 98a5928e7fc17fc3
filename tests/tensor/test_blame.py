"""A failed program names the operation and the line that recorded it, on every target."""

import pytest

import firth
from firth.base import flags
from firth.base.errors import DivisionByZero, IndexOutOfRange


@pytest.fixture(params=["ref", "cpu"], autouse=True)
def target(request):
    flags.put("FIRTH_TARGET", request.param)
    yield
    flags.put("FIRTH_TARGET", None)


def test_an_index_behind_float_work():
    x = firth.ones(4, 3) @ firth.ones(3, 5)
    places = firth.tensor([0, 7])
    picked = x.index_select(0, places)
    with pytest.raises(IndexOutOfRange, match=r"got 7, expected 0 to 3.*\n.*test_blame.py:20"):
        (picked + 1).sum().item()


def test_an_index_that_was_computed():
    places = firth.arange(3) * 5
    picked = firth.ones(6)[places]
    with pytest.raises(IndexOutOfRange, match=r"got 10, expected 0 to 5.*\n.*test_blame.py:27"):
        picked.tolist()


def test_a_division():
    quotient = firth.tensor([4, 6]) // firth.tensor([2, 0])
    with pytest.raises(DivisionByZero, match=r"floor_divide: (.*\n)*.*test_blame.py:33"):
        quotient.tolist()
