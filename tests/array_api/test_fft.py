"""Fourier transforms under the standard's names."""

from __future__ import annotations

import numpy as np

import firth.array_api as xp


def test_transforms_take_the_standards_arguments() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4))
    a = xp.asarray(x)
    found = xp.fft.fft(a, n=5, axis=0, norm="ortho")
    np.testing.assert_allclose(np.asarray(found), np.fft.fft(x, 5, 0, "ortho"), atol=1e-12)
    found = xp.fft.irfftn(xp.fft.rfftn(a, axes=(1, 0)), s=(4, 3), axes=(1, 0))
    np.testing.assert_allclose(np.asarray(found), x, atol=1e-12)
    assert xp.fft.fftfreq(4, d=0.5).tolist() == np.fft.fftfreq(4, 0.5).tolist()
    assert xp.fft.rfftfreq(5, dtype=xp.float64).dtype == xp.float64
    shifted = xp.fft.fftshift(a, axes=1)
    assert xp.fft.ifftshift(shifted, axes=1).tolist() == a.tolist()
