"""Fourier transforms against PyTorch: values, gradients of both orders, arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import ArgumentError, DTypeError, ShapeError

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4, 5))
Z = X + 1j * RNG.standard_normal((3, 4, 5))
CALLS: list[tuple[str, Any, dict[str, Any]]] = [
    ("fft", X, {}), ("fft", Z, {"n": 7, "dim": 1, "norm": "ortho"}), ("fft", Z, {"n": 2}),
    ("ifft", Z, {"norm": "forward"}), ("rfft", X, {"n": 6}), ("rfft", X, {"dim": 0}),
    ("irfft", Z, {}), ("irfft", Z, {"n": 7, "dim": 0, "norm": "ortho"}), ("hfft", Z, {"n": 9}),
    ("ihfft", X, {"norm": "ortho"}), ("fftn", Z, {}), ("fftn", X, {"s": (2, 6), "dim": (2, 0)}),
    ("ifftn", Z, {"s": (3, -1)}), ("rfftn", X, {"norm": "forward"}), ("fft2", Z, {}),
    ("irfftn", Z, {"dim": (0, 1)}), ("irfft2", Z, {"s": (5, 6)}), ("rfft2", X, {"dim": (1, 0)}),
    ("hfftn", Z, {"dim": (1, 2)}), ("ihfft2", X, {}), ("fftshift", Z, {"dim": (0, 2)}),
    ("ifftshift", X, {}),
]  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda c: f"{c[0]}-{c[2]}")
def test_values_and_gradients_are_torchs(call: tuple[str, Any, dict[str, Any]]) -> None:
    name, array, options = call
    found = []
    for lib in (torch, firth):
        x = lib.tensor(array, requires_grad=True)
        y = getattr(lib.fft, name)(x, **options)
        loss = (y * y * (1 - 0.5j)).real.sum()
        (first,) = lib.autograd.grad(loss, [x], create_graph=True)
        (second,) = lib.autograd.grad((first * first).real.sum(), [x])
        found.append([t.detach().resolve_conj().numpy() for t in (y, first, second)])
    for a, b in zip(*found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, atol=1e-10 * np.abs(a).max(), rtol=0)


def test_single_precision_stays_single() -> None:
    x = firth.tensor(X.astype(np.float32))
    assert firth.fft.fft(x).dtype is firth.complex64
    assert firth.fft.irfft(firth.fft.rfft(x)).dtype is firth.float32
    assert firth.fft.fft(firth.tensor([1, 2])).dtype is firth.complex64


def test_frequencies() -> None:
    for n in (1, 4, 5):
        np.testing.assert_allclose(firth.fft.fftfreq(n, 0.1).numpy(), np.fft.fftfreq(n, 0.1), 1e-6)
        found = firth.fft.rfftfreq(n, d=2.0, dtype=firth.float64)
        np.testing.assert_array_equal(found.numpy(), np.fft.rfftfreq(n, 2.0))


def test_in_jit_with_convolution_by_the_spectrum() -> None:
    kernel = firth.tensor(RNG.standard_normal(16), requires_grad=True)

    @firth.jit
    def step(x):
        y = firth.fft.irfft(firth.fft.rfft(x) * firth.fft.rfft(kernel), n=16)
        loss = y.square().sum()
        loss.backward()
        return loss

    x = RNG.standard_normal(16)
    for _ in range(3):
        kernel.grad = None
        step(firth.tensor(x))
    t, k = torch.tensor(x), torch.tensor(kernel.detach().numpy(), requires_grad=True)
    torch.fft.irfft(torch.fft.rfft(t) * torch.fft.rfft(k), n=16).square().sum().backward()
    np.testing.assert_allclose(kernel.grad.numpy(), k.grad.numpy(), rtol=1e-9)


def test_what_is_refused() -> None:
    x = firth.tensor(X)
    with pytest.raises(DTypeError, match="half precision"):
        firth.fft.fft(x.half())
    with pytest.raises(DTypeError, match="takes real numbers"):
        firth.fft.rfft(firth.tensor(Z))
    with pytest.raises(ShapeError, match="a transform needs points"):
        firth.fft.fft(x, n=0)
    with pytest.raises(ArgumentError, match="comes twice"):
        firth.fft.fftn(x, dim=(0, 0))
    with pytest.raises(ShapeError, match="differ in number"):
        firth.fft.fftn(x, s=(3, 4), dim=(0,))
    with pytest.raises(ArgumentError, match="no such norm"):
        firth.fft.fft(x, norm="none")
    with pytest.raises(ShapeError, match="nothing comes out"):
        firth.fft.irfft(firth.ones(1))
    with pytest.raises(ArgumentError, match="no frequencies"):
        firth.fft.fftfreq(0)
