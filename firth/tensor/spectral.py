"""Short-time Fourier transforms, there and back, and the windows for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from firth.base.dtype import DType, int64
from firth.base.errors import ArgumentError, DTypeError, ShapeError, message
from firth.tensor.complex import view_as_real
from firth.tensor.creation import arange, get_default_dtype, ones
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line
from firth.tensor.shape import reshape, transpose


def _shape_error(op: str, what: str, got: str, expected: str, fix: str) -> ShapeError:
    return ShapeError(message(op, what, got, expected, fix)).at(user_line())


def _padded(x: Tensor, low: int, high: int) -> Tensor:
    """x (..., n) with zeros before and after the last axis."""
    lead = (0,) * (len(x._kind.shape) - 1)
    if not low and not high:
        return x
    return apply("pad", x, low=(*lead, low), high=(*lead, high), inner=(*lead, 0), value=0)


def _cropped(x: Tensor, start: int, size: int) -> Tensor:
    shape = tuple(x._kind.shape)
    starts = (*(0 for _ in shape[:-1]), start)
    return apply("slice", x, starts=starts, sizes=(*shape[:-1], size), steps=(1,) * len(shape))


def _centred(x: Tensor, by: int, mode: str) -> Tensor:
    """x (..., n) padded on both sides: by zeros, its ends, its mirror image or itself."""
    n = x._kind.shape[-1]
    if mode == "constant":
        return _padded(x, by, by)
    if mode == "reflect" and by >= n or mode == "circular" and by > n or n == 0:
        raise _shape_error(
            "stft", "the signal is too short for its padding", f"{n} samples, {by} on each side",
            f"more than {by} samples", "use a smaller n_fft, or pad_mode='constant'",
        )  # fmt: skip
    place = apply("sub", apply("iota", extent=n + 2 * by, dtype=int64), by)
    if mode == "reflect":
        place = apply("abs", place)
        place = apply("sub", n - 1, apply("abs", apply("sub", place, n - 1)))
    elif mode == "replicate":
        place = apply("minimum", apply("maximum", place, 0), n - 1)
    elif mode == "circular":
        place = apply("remainder", place, n)
    else:
        raise ArgumentError(
            message(
                "stft", "there is no such padding", repr(mode),
                "'reflect', 'constant', 'replicate' or 'circular'", "pick one",
            )
        ).at(user_line())  # fmt: skip
    return apply("take", x, place, axis=len(x._kind.shape) - 1)


def _lengths(op: str, n_fft: int, hop: int | None, width: int | None) -> tuple[int, int]:
    hop, width = n_fft // 4 if hop is None else hop, n_fft if width is None else width
    if n_fft < 1 or hop < 1 or not 1 <= width <= n_fft:
        raise ArgumentError(
            message(
                op, "lengths do not fit", f"n_fft={n_fft}, hop_length={hop}, win_length={width}",
                "a hop of at least 1, a window of 1 to n_fft", "check the lengths",
            )
        ).at(user_line())  # fmt: skip
    return hop, width


def _window(op: str, window: Tensor | None, width: int, n_fft: int, like: DType) -> Tensor | None:
    """The window in the middle of n_fft samples; None where it is 1 everywhere."""
    if window is None:
        if width == n_fft:
            return None
        window = ones(width, dtype=like)
    if tuple(window._kind.shape) != (width,):
        raise _shape_error(
            op, "the window does not fit", f"shape {tuple(window._kind.shape)}", f"({width},)",
            "give win_length the window's length",
        )  # fmt: skip
    left = (n_fft - width) // 2
    return _padded(window, left, n_fft - width - left)


def stft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, pad_mode: str = "reflect",
    normalized: bool = False, onesided: bool | None = None, return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:  # fmt: skip
    """The Fourier transforms of frames, hop_length samples (n_fft // 4) apart: (B, L) -> (B, N, T).

    window (win_length) is multiplied in. center pads, so that frame t is around sample
    t * hop_length. N is n_fft // 2 + 1 for real signals, unless onesided=False.
    return_complex=False gives the parts along a last axis of 2.

    >>> from firth.tensor import ones
    >>> stft(ones(16), 8, return_complex=True).shape
    Size([5, 9])
    """
    kind = input._kind.dtype
    if kind.kind not in "fc" or len(input._kind.shape) not in (1, 2):
        raise _shape_error(
            "stft", "this is no signal", f"{kind.name}{list(input._kind.shape)}",
            "floats or complex numbers, shape (L) or (B, L)", "reshape or cast it",
        )  # fmt: skip
    if center and align_to_window is not None:
        raise ArgumentError(
            message("stft", "centred frames are aligned already", "align_to_window with center",
                    "one of the two", "leave align_to_window out, or pass center=False")
        ).at(user_line())  # fmt: skip
    hop, width = _lengths("stft", n_fft, hop_length, win_length)
    full = _window("stft", window, width, n_fft, kind)
    is_complex = kind.is_complex or (full is not None and full._kind.dtype.is_complex)
    half = not is_complex if onesided is None else onesided
    if half and is_complex:
        raise DTypeError(
            message("stft", "complex signals have no half spectrum", "onesided=True",
                    "a real signal and window", "leave onesided out")
        ).at(user_line())  # fmt: skip
    if return_complex is None and not is_complex:
        raise ArgumentError(
            message("stft", "the form of the result is not said", "return_complex=None",
                    "True (complex numbers) or False (their parts)", "pass return_complex=True")
        ).at(user_line())  # fmt: skip
    x = _centred(input, n_fft // 2, pad_mode) if center else input
    if align_to_window:
        left = (n_fft - width) // 2
        x = _padded(x, left, n_fft - width - left)
    if x._kind.shape[-1] < n_fft:
        raise _shape_error(
            "stft", "the signal is shorter than a frame", f"{x._kind.shape[-1]} samples",
            f"at least n_fft = {n_fft}", "use a smaller n_fft, or pad the signal",
        )  # fmt: skip
    frames = apply("window", x, sizes=(n_fft,), strides=(hop,), dilations=(1,))
    if full is not None:
        frames = apply("mul", frames, full)
    norm = "ortho" if normalized else "backward"
    if half:
        found = apply("rfft", frames, ndim=1, norm=norm)
    else:
        found = apply("fft", frames, ndim=1, inverse=False, norm=norm)
    found = transpose(found, -1, -2)
    return found if is_complex and return_complex is None or return_complex else view_as_real(found)


def _overlapped(frames: Tensor, hop: int) -> Tensor:
    """Frames (..., T, n) added up, hop samples apart: -> (..., (T - 1) * hop + n)."""
    *lead, count, n = frames._kind.shape
    pieces = -(-n // hop)
    frames = _padded(frames, 0, pieces * hop - n)
    total: Tensor | None = None
    for k in range(pieces):
        piece = reshape(_cropped(frames, k * hop, hop), (*lead, count * hop))
        piece = _padded(piece, k * hop, (pieces - 1 - k) * hop)
        total = piece if total is None else apply("add", total, piece)
    assert total is not None
    return _cropped(total, 0, (count - 1) * hop + n)


def istft(
    input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None,
    window: Tensor | None = None, center: bool = True, normalized: bool = False,
    onesided: bool | None = None, length: int | None = None, return_complex: bool = False,
) -> Tensor:  # fmt: skip
    """The signal whose frames are nearest to a spectrogram: (B, N, T) complex -> (B, L).

    Frames are added up with the window and divided by the sum of its squares; where that is 0
    the result is 0. The arguments are those of stft; length crops or pads the result.

    >>> from firth.tensor import arange, ones
    >>> x = arange(16.0)
    >>> y = istft(stft(x, 8, window=ones(8), return_complex=True), 8, window=ones(8))
    >>> (y - x).abs().max().item() < 1e-5
    True
    """
    kind, shape = input._kind.dtype, input._kind.shape
    if not kind.is_complex or len(shape) not in (2, 3):
        raise _shape_error(
            "istft", "this is no spectrogram", f"{kind.name}{list(shape)}",
            "complex numbers, shape (N, T) or (B, N, T)", "make it with stft, or view_as_complex",
        )  # fmt: skip
    hop, width = _lengths("istft", n_fft, hop_length, win_length)
    half = shape[-2] != n_fft if onesided is None else onesided
    if half and return_complex:
        raise DTypeError(
            message("istft", "half a spectrum gives real signals", "return_complex=True",
                    "onesided=False", "pass the whole spectrum, or leave return_complex out")
        ).at(user_line())  # fmt: skip
    expected = n_fft // 2 + 1 if half else n_fft
    if shape[-2] != expected or not shape[-1]:
        raise _shape_error(
            "istft", "frequencies or frames do not fit", f"shape {tuple(shape)}",
            f"(..., {expected}, T) for n_fft = {n_fft}", "check n_fft and onesided",
        )  # fmt: skip
    norm = "ortho" if normalized else "backward"
    spectra = transpose(input, -1, -2)
    if return_complex:
        frames = apply("fft", spectra, ndim=1, inverse=True, norm=norm)
    else:  # the other half of a whole spectrum is the first one's conjugate
        half_of = _cropped(spectra, 0, n_fft // 2 + 1)
        frames = apply("irfft", half_of, ndim=1, odd=n_fft % 2 == 1, norm=norm)
    full = _window("istft", window, width, n_fft, frames._kind.dtype)
    if full is None:
        full = ones(n_fft, dtype=frames._kind.dtype)
    signal = _overlapped(apply("mul", frames, full), hop)
    square = apply("square", apply("abs", full))
    weight = _overlapped(
        apply("expand", reshape(square, (1, n_fft)), shape=(shape[-1], n_fft)), hop
    )
    reached = apply("less", 1e-11, weight)
    signal = apply("div", signal, apply("where", reached, weight, 1.0))
    signal = apply("where", reached, signal, 0.0)
    start = n_fft // 2 if center else 0
    end = signal._kind.shape[-1] - start if length is None else start + length
    signal = _padded(signal, 0, max(end - signal._kind.shape[-1], 0))
    return _cropped(signal, start, max(end - start, 0))


# --- windows --------------------------------------------------------------------------------------


def _cosines(name: str, weights: Callable[..., Sequence[float]], doc: str) -> Callable[..., Tensor]:
    """A window that is a sum of cosines with alternating signs."""

    def function(
        window_length: int, periodic: bool = True, *shape: float, dtype: DType | None = None,
        device: Any = None, requires_grad: bool = False, **named: float,
    ) -> Tensor:  # fmt: skip
        turns = _turns(name, window_length, periodic, dtype)
        total: Any = 0.0
        for k, weight in enumerate(weights(*shape, **named)):
            wave = apply("cos", apply("mul", turns, 2 * math.pi * k))
            total = apply("add", apply("mul", wave, -weight if k % 2 else weight), total)
        return _made(total, window_length, requires_grad)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _turns(name: str, n: int, periodic: bool, dtype: DType | None) -> Tensor:
    """Where each sample is in the period, 0 to 1: -> (n)."""
    dtype = dtype or get_default_dtype()
    if n < 0 or dtype.kind != "f":
        raise ArgumentError(
            message(
                name, "no such window", f"{n} samples of {dtype.name}",
                "0 samples or more, a float dtype", "check the length",
            )
        ).at(user_line())  # fmt: skip
    return apply("div", arange(n, dtype=dtype), float(max(n if periodic else n - 1, 1)))


def _made(window: Tensor, n: int, requires_grad: bool) -> Tensor:
    out = ones(1, dtype=window._kind.dtype) if n == 1 else window
    return out.requires_grad_() if requires_grad else out  # type: ignore[attr-defined,no-any-return]


hann_window = _cosines(
    "hann_window", lambda: (0.5, 0.5), "Half a turn of a raised cosine, 0 at its start: -> (n)."
)
hamming_window = _cosines(
    "hamming_window", lambda alpha=0.54, beta=0.46: (alpha, beta),
    "alpha - beta cos, a raised cosine that does not reach 0: -> (n).",
)  # fmt: skip
blackman_window = _cosines(
    "blackman_window", lambda: (0.42, 0.5, 0.08), "Three cosine terms, low side lobes: -> (n)."
)


def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """A triangle, 0 at its start: -> (n)."""
    turns = _turns("bartlett_window", window_length, periodic, dtype)
    away = apply("abs", apply("sub", apply("mul", turns, 2.0), 1.0))
    return _made(apply("sub", 1.0, away), window_length, requires_grad)


METHODS: dict[str, Callable[..., Any]] = {"stft": stft, "istft": istft}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "hann_window": hann_window, "hamming_window": hamming_window,
    "blackman_window": blackman_window, "bartlett_window": bartlett_window,
}  # fmt: skip
