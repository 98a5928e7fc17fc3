"""The public module."""

from __future__ import annotations

import firth


def test_names() -> None:
    assert set(firth.fft.__all__) >= {"fft", "irfftn", "hfft", "fftfreq", "fftshift"}
    assert firth.fft.ifft(firth.fft.fft(firth.tensor([1.0, 2.0, 4.0]))).real.tolist() == [1, 2, 4]
