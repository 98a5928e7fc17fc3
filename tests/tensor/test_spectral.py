"""Short-time Fourier transforms and windows against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError, DTypeError, ShapeError

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 40))
WINDOW = RNG.uniform(0.5, 1.5, 8)
CALLS: list[dict[str, Any]] = [
    {"n_fft": 8, "return_complex": True},
    {"n_fft": 16, "hop_length": 5, "win_length": 8, "return_complex": True, "normalized": True},
    {"n_fft": 8, "window": WINDOW, "center": False, "return_complex": False},
    {"n_fft": 9, "onesided": False, "pad_mode": "replicate", "return_complex": True},
    {"n_fft": 8, "window": WINDOW, "pad_mode": "constant", "return_complex": True},
    {"n_fft": 10, "window": WINDOW, "win_length": 8, "pad_mode": "circular",
     "return_complex": True},
]  # fmt: skip


def options_for(lib: Any, options: dict[str, Any]) -> dict[str, Any]:
    return {k: lib.tensor(v) if k == "window" else v for k, v in options.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", CALLS)
def test_stft_and_its_gradient_are_torchs(options: dict[str, Any]) -> None:
    found = []
    for lib in (torch, firth):
        x = lib.tensor(X, requires_grad=True)
        y = lib.stft(x, **options_for(lib, options))
        (g,) = lib.autograd.grad((y * y * (1 + 0.5j)).real.sum(), [x])
        found.append((y.detach().numpy(), g.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [
    {"n_fft": 8, "window": WINDOW}, {"n_fft": 8, "window": WINDOW, "hop_length": 3, "length": 50},
    {"n_fft": 8, "window": WINDOW, "onesided": False, "normalized": True, "length": 33},
    {"n_fft": 8, "window": WINDOW, "center": False},
    {"n_fft": 8, "window": WINDOW, "onesided": False, "return_complex": True},
])  # fmt: skip
def test_istft_is_torchs(options: dict[str, Any]) -> None:
    rows = 8 if options.get("onesided") is False else 5
    z = RNG.standard_normal((2, rows, 12)) + 1j * RNG.standard_normal((2, rows, 12))
    found = []
    for lib in (torch, firth):
        x = lib.tensor(z, requires_grad=True)
        y = lib.istft(x, **options_for(lib, options))
        (g,) = lib.autograd.grad((y * y * (1 + 0.5j)).real.sum(), [x])
        found.append((y.detach().numpy(), g.numpy()))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-9)


def test_there_and_back_again_in_single_precision_and_jit() -> None:
    window = firth.hann_window(16)

    @firth.jit
    def both(x):
        return firth.istft(x.stft(16, 4, window=window, return_complex=True), 16, 4, window=window)

    x = firth.tensor(X.astype(np.float32))
    np.testing.assert_allclose(both(x).numpy(), X, atol=1e-5)


@pytest.mark.parametrize("name", ["hann", "hamming", "blackman", "bartlett"])
def test_windows_are_torchs(name: str) -> None:
    for n in (0, 1, 2, 7):
        for periodic in (True, False):
            mine, theirs = (
                getattr(lib, f"{name}_window")(n, periodic, dtype=lib.float64).numpy()
                for lib in (firth, torch)
            )
            np.testing.assert_allclose(mine, theirs, atol=1e-15)
    assert firth.hamming_window(4, True, 0.5).dtype is firth.float32


def test_what_is_refused() -> None:
    x = firth.tensor(X)
    with pytest.raises(ArgumentError, match="form of the result"):
        firth.stft(x, 8)
    with pytest.raises(ShapeError, match="shorter than a frame"):
        firth.stft(x, 64, center=False, return_complex=True)
    with pytest.raises(ShapeError, match="too short for its padding"):
        firth.stft(x, 128, return_complex=True)
    with pytest.raises(ShapeError, match="window does not fit"):
        firth.stft(x, 8, window=firth.ones(5), return_complex=True)
    with pytest.raises(ArgumentError, match="lengths do not fit"):
        firth.stft(x, 8, hop_length=0, return_complex=True)
    with pytest.raises(DTypeError, match="no half spectrum"):
        firth.stft(x + 0j, 8, onesided=True)
    with pytest.raises(ShapeError, match="no spectrogram"):
        firth.istft(x, 8)
    with pytest.raises(ShapeError, match="do not fit"):
        firth.istft(x.stft(8, return_complex=True), 16)
    with pytest.raises(ArgumentError, match="no such window"):
        firth.hann_window(-1)
