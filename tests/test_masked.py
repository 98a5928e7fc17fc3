"""firth.masked against PyTorch."""

import numpy as np
import pytest

import firth
from firth.base.errors import DTypeError, ShapeError

torch = pytest.importorskip("torch")

X = [[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]]
MASK = [[True, False, True], [False, True, True]]
NAMES = "sum prod amax amin argmax argmin mean median var std softmax log_softmax softmin".split()


@pytest.mark.parametrize("name", [*NAMES, "logsumexp", "cumsum", "cumprod"])
def test_along_a_dim(name):
    mine = getattr(firth.masked, name)(firth.tensor(X), 1, mask=firth.tensor(MASK))
    right = getattr(torch.masked, name)(torch.tensor(X), 1, mask=torch.tensor(MASK))
    assert mine.numpy() == pytest.approx(right.numpy(), rel=1e-5, abs=1e-6)


def test_integers_and_nothing_left():
    x, none = firth.tensor([[1, 2]]), firth.tensor([[False, False]])
    assert firth.masked.sum(x, 1, mask=none).item() == 0
    assert firth.masked.amax(x, 1, mask=none).item() == -(2**63)
    assert firth.masked.mean(x.float(), 1, mask=none).isnan().item()


def test_norms_and_pairs():
    x, mask = firth.tensor(X), firth.tensor(MASK)
    assert firth.masked.norm(x, 1.0, 1, mask=mask).tolist() == [4.0, 5.0]
    shares = firth.masked.normalize(x, 1.0, 1, mask=mask)
    assert shares.numpy() == pytest.approx(np.array([[0.25, 0, 0.75], [0, 0.8, -0.2]]))
    joined = firth.masked.logaddexp(x, x, input_mask=mask)
    assert joined[0, 1].item() == -2.0


def test_a_mask_that_is_none():
    with pytest.raises(DTypeError, match=r"masked\.sum: the mask is not bool"):
        firth.masked.sum(firth.ones(2), mask=firth.ones(2))
    with pytest.raises(ShapeError, match=r"masked\.sum: the mask does not fit"):
        firth.masked.sum(firth.ones(2), mask=firth.tensor([True, False, True]))
