"""Window functions against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError, DTypeError
from firth.signal import windows

torch = pytest.importorskip("torch")

OPTIONS = {
    "bartlett": {}, "blackman": {}, "cosine": {}, "exponential": {"tau": 2.0},
    "gaussian": {"std": 2.5}, "general_cosine": {"a": [0.5, 0.3, 0.2]},
    "general_hamming": {"alpha": 0.6}, "hamming": {}, "hann": {}, "kaiser": {"beta": 8.0},
    "nuttall": {},
}  # fmt: skip


@pytest.mark.parametrize("name", windows.__all__)
def test_as_in_pytorch(name):
    for size in (0, 1, 2, 7, 10):
        for sym in (True, False):
            mine = getattr(windows, name)(size, sym=sym, **OPTIONS[name])
            right = getattr(torch.signal.windows, name)(size, sym=sym, **OPTIONS[name])
            assert mine.numpy() == pytest.approx(right.numpy(), abs=1e-6), (size, sym)


def test_refusals():
    with pytest.raises(ArgumentError, match="hann: no such length; got -1"):
        windows.hann(-1)
    with pytest.raises(ArgumentError, match="gaussian: std is not positive"):
        windows.gaussian(4, std=0)
    with pytest.raises(DTypeError, match="hann: a window is of floats; got int64"):
        windows.hann(4, dtype=firth.int64)
