"""Signals: Fourier transforms, windows, mel scales."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import firth
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, cast, element
from firth.tensor import Tensor


def _transform(x: Tensor, axis: int, length: int, inverse: bool, onesided: bool) -> Tensor:
    """The transform of real (..., 1) or complex (..., 2) numbers along an axis: (..., 2), or real
    numbers (..., 1) where half of a transform is turned back."""
    axis %= x.ndim
    kind = x.dtype
    x = x if kind.bits > 16 else x.float()  # transforms have no half types
    if x.shape[-1] == 1:
        x = x.squeeze(-1)
        if onesided and not inverse:
            return firth.view_as_real(firth.fft.rfft(x, length, axis)).to(kind)
    else:
        x = firth.view_as_complex(x)
    if onesided and inverse:
        return firth.fft.irfft(x, length, axis).unsqueeze(-1).to(kind)
    rule = firth.fft.ifft if inverse else firth.fft.fft
    y = firth.view_as_real(rule(x, length, axis)).to(kind)
    if onesided:
        return y.narrow(axis, 0, length // 2 + 1)
    return y


@op("DFT", since=20, host=(1, 2))
def dft(
    x: Tensor, dft_length: np.ndarray | None = None, axis: np.ndarray | None = None, *,
    inverse: int = 0, onesided: int = 0,
) -> Any:  # fmt: skip
    """The discrete Fourier transform along an axis: (..., n, 1 or 2) -> (..., m, 2)."""
    return _dft(x, dft_length, -2 if axis is None else int(axis), inverse, onesided)


@op("DFT", host=(1,))
def dft_old(
    x: Tensor, dft_length: np.ndarray | None = None, *, axis: int = 1, inverse: int = 0,
    onesided: int = 0,
) -> Any:  # fmt: skip
    """DFT as it was before opset 20."""
    return _dft(x, dft_length, axis, inverse, onesided)


def _dft(x: Tensor, length: np.ndarray | None, axis: int, inverse: int, onesided: int) -> Any:
    n = x.shape[axis]
    if length is not None:
        n = int(np.asarray(length).reshape(-1)[0])
    elif inverse and onesided:
        n = 2 * (n - 1)
    return _transform(x, axis, n, bool(inverse), bool(onesided))


@op("STFT", host=(1, 3))
def stft(
    signal: Tensor, frame_step: np.ndarray, window: Tensor | None = None,
    frame_length: np.ndarray | None = None, *, onesided: int = 1,
) -> Any:  # fmt: skip
    """Fourier transforms of windows: (B, T, 1 or 2) -> (B, frames, bins, 2)."""
    step = int(np.asarray(frame_step).reshape(-1)[0])
    if frame_length is not None:
        length = int(np.asarray(frame_length).reshape(-1)[0])
    else:
        length = signal.shape[1] if window is None else window.shape[0]
    frames = 1 + (signal.shape[1] - length) // step
    places = np.arange(frames)[:, None] * step + np.arange(length)
    x = signal.index_select(1, as_tensor(places.reshape(-1)))
    x = x.reshape(signal.shape[0], frames, length, signal.shape[2])
    if window is not None:
        x = x * window.reshape(-1, 1)
    return _transform(x, 2, length, False, bool(onesided))


def _cosines(*terms: float) -> Any:
    """A window that is a sum of cosines."""

    def window(size: np.ndarray, *, output_datatype: int = 1, periodic: int = 1) -> Any:
        n = int(np.asarray(size).reshape(-1)[0])
        angle = 2 * math.pi * np.arange(n) / (n if periodic else max(n - 1, 1))
        y = sum(c * np.cos(k * angle) for k, c in enumerate(terms))
        return cast(as_tensor(np.asarray(y)), element(output_datatype))

    return window


op("HannWindow", host=(0,))(_cosines(0.5, -0.5))
op("HammingWindow", host=(0,))(_cosines(25 / 46, -21 / 46))
op("BlackmanWindow", host=(0,))(_cosines(0.42, -0.5, 0.08))


@op("MelWeightMatrix", host=(-1,))
def mel_weight_matrix(
    num_mel_bins: np.ndarray, dft_length: np.ndarray, sample_rate: np.ndarray,
    lower_edge_hertz: np.ndarray, upper_edge_hertz: np.ndarray, *, output_datatype: int = 1,
) -> Any:  # fmt: skip
    """Triangles on the mel scale over the bins of a spectrum: (dft_length // 2 + 1, mels)."""
    mels, length, rate = (int(v) for v in (num_mel_bins, dft_length, sample_rate))
    bins = length // 2 + 1
    low, high = (2595 * np.log10(1 + float(v) / 700) for v in (lower_edge_hertz, upper_edge_hertz))
    edges = low + np.arange(mels + 2) * ((high - low) / (mels + 2))
    hertz = 700 * (10 ** (edges / 2595) - 1)
    place = ((length + 1) * hertz // rate).astype(np.int64)
    out = np.zeros((bins, mels))
    for i in range(mels):
        first, middle, last = place[i : i + 3]
        if middle == first:
            out[middle, i] = 1
        else:
            rising = np.arange(first, middle + 1)
            out[rising, i] = (rising - first) / (middle - first)
        if last > middle:
            falling = np.arange(middle, last)
            out[falling, i] = (last - falling) / (last - middle)
    return cast(as_tensor(out), element(output_datatype))
