"""How tensors print: as PyTorch's do, with four digits and the edges of large tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from firth.tensor.creation import get_default_dtype
from firth.tensor.handle import Tensor
from firth.tensor.reading import contents
from firth.tensor.record import local

PRECISION = 4
THRESHOLD = 1000
EDGE = 3
WIDTH = 80


def _shown(array: np.ndarray, summary: bool) -> np.ndarray:
    """The elements that will be printed, flat."""
    if not summary:
        return array.reshape(-1)
    for axis, n in enumerate(array.shape):
        if n > 2 * EDGE:
            keep = np.r_[0:EDGE, n - EDGE : n]
            array = array.take(keep, axis)
    return array.reshape(-1)


class _Format:
    """How the numbers of one tensor are written: width, whole numbers, exponents."""

    __slots__ = ("kind", "scientific", "whole", "width")

    def __init__(self, values: np.ndarray, kind: str) -> None:
        self.kind = kind
        self.scientific = False
        self.whole = True
        if kind == "f":
            wide = values.astype(np.float64)
            finite = np.abs(wide[np.isfinite(wide) & (wide != 0)])
            self.whole = bool(np.all(finite == np.ceil(finite)))
            if finite.size:
                low, high = float(finite.min()), float(finite.max())
                wide_range = high / low > 1000.0 or high > 1e8
                self.scientific = wide_range if self.whole else wide_range or low < 1e-4
        self.width = 0
        if kind == "f":  # widths come from the numbers that have digits, as in PyTorch
            values = values[np.isfinite(wide) & (wide != 0)]
        self.width = max((len(self.text(v)) for v in values), default=1)

    def text(self, value: Any) -> str:
        if self.kind == "b":
            out = "True" if value else "False"
        elif self.kind in "iu":
            out = str(int(value))
        elif self.kind == "c":
            out = f"{value.real:.{PRECISION}f}{value.imag:+.{PRECISION}f}j"
        else:
            out = self._float(float(value))
        return out.rjust(self.width)

    def _float(self, value: float) -> str:
        if not math.isfinite(value):
            return str(value)
        if self.scientific:
            return f"{value:.{PRECISION}e}"
        return f"{value:.0f}." if self.whole else f"{value:.{PRECISION}f}"


def _rows(array: np.ndarray, style: _Format, indent: int, summary: bool) -> str:
    if array.ndim == 0:
        return style.text(array[()])
    n = array.shape[0]
    cut = summary and n > 2 * EDGE
    places = [*range(EDGE), None, *range(n - EDGE, n)] if cut else list(range(n))
    if array.ndim == 1:
        words = [" ..." if i is None else style.text(array[i]) for i in places]
        per_line = max(1, (WIDTH - indent) // (style.width + 2))
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = ["..." if i is None else _rows(array[i], style, indent + 1, summary) for i in places]
    gap = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + gap.join(parts) + "]"


def body(array: np.ndarray, kind: str, indent: int = 0) -> str:
    """The numbers of an array as text.

    >>> body(np.array([1.0, 2.5]), "f")
    '[1.0000, 2.5000]'
    """
    summary = array.size > THRESHOLD
    return _rows(array, _Format(_shown(array, summary), kind), indent, summary)


def tensor_repr(self: Tensor) -> str:
    """`tensor([1., 2.])` with dtype and gradient status where they aren't the usual ones.

    Inside jit, where nothing has a value yet, shape and dtype are shown instead.
    """
    kind = self._kind
    notes = []
    if local.rec.jit is not None and self._buf is None:
        return f"tensor(<recorded>, shape={tuple(kind.shape)}, dtype=firth.{kind.dtype.name})"
    array = contents(self)
    usual = kind.dtype is get_default_dtype() or kind.dtype.name in ("int64", "bool")
    if array.size == 0:
        text = "[]"
        if kind.shape != (0,):
            notes.append(f"size={tuple(kind.shape)}")
        usual = kind.dtype is get_default_dtype()
    else:
        text = body(array, kind.dtype.kind, len("tensor("))
    if not usual:
        notes.append(f"dtype=firth.{kind.dtype.name}")
    if kind.requires_grad:
        notes.append("requires_grad=True" if kind.leaf else "grad_fn=<recorded>")
    return "tensor(" + ", ".join([text, *notes]) + ")"
