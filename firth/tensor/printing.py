"""How tensors print: as PyTorch's do. What can be chosen is chosen by `set_printoptions`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, message
from firth.targets.lock import imported
from firth.tensor.creation import get_default_dtype
from firth.tensor.handle import Tensor
from firth.tensor.lines import user_line
from firth.tensor.reading import contents
from firth.tensor.record import local


class Options(NamedTuple):
    """precision: digits behind the point; threshold: elements from which on only `edgeitems` at
    each end of a dimension are shown; linewidth: characters; sci_mode: None is by the values."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": Options(), "short": Options(precision=2, edgeitems=2),
    "full": Options(threshold=math.inf),
}  # fmt: skip
_options = _PROFILES["default"]


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None, profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """How tensors print from here on; what is None stays as it is, but for sci_mode.

    precision: digits behind the point. threshold: the most elements shown in full. edgeitems: how
    many are shown at each end of a longer dimension. linewidth: characters of a line. profile:
    "default", "short" or "full", before the others. sci_mode: exponents always or never; None
    leaves it to the values. Raises ArgumentError for negative numbers and unknown profiles.

    >>> import firth
    >>> firth.set_printoptions(precision=2)
    >>> firth.tensor([1 / 3])
    tensor([0.33])
    >>> firth.set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise _refusal("profile", profile, ", ".join(_PROFILES))
    given = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems,
        "linewidth": linewidth,
    }  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        whole = isinstance(value, int) or name == "threshold" and isinstance(value, float)
        if not whole or isinstance(value, bool) or not value >= 0:
            raise _refusal(name, value, "a number of at least 0")
    base = _options if profile is None else _PROFILES[profile]
    _options = base._replace(**changed, sci_mode=sci_mode)  # type: ignore[arg-type]


def _refusal(name: str, value: Any, expected: str) -> ArgumentError:
    return ArgumentError(
        message("set_printoptions", f"{name} has no such value", repr(value), expected,
                "leave it out for the usual form")
    ).at(user_line())  # fmt: skip


def _places(n: int, summary: bool) -> list[int | None]:
    """Indices along a dimension that are shown; None for what is left out."""
    edge = _options.edgeitems
    if not summary or n <= 2 * edge:
        return list(range(n))
    return [*range(edge), None, *range(n - edge, n)]


def _shown(array: np.ndarray, summary: bool) -> np.ndarray:
    """The elements that will be printed, flat."""
    for axis, n in enumerate(array.shape):
        places = _places(n, summary)
        if None in places:
            array = array.take([p for p in places if p is not None], axis)
    return array.reshape(-1)


class _Format:
    """How the real numbers of one tensor are written: width, whole numbers, exponents."""

    __slots__ = ("real", "scientific", "whole", "width")

    def __init__(self, values: np.ndarray) -> None:
        self.scientific = False
        self.whole = True
        self.width = 1
        self.real = values.dtype.kind not in "biu"
        if self.real:  # widths come from the numbers that have digits, as in PyTorch
            values = values.astype(np.float64)
            values = values[np.isfinite(values) & (values != 0)]
        if self.real and values.size:
            size = np.abs(values)
            low, high = float(size.min()), float(size.max())
            self.whole = bool(np.all(size == np.ceil(size)))
            self.scientific = high / low > 1000.0 or high > 1e8 or (low < 1e-4 and not self.whole)
            if _options.sci_mode is not None:
                self.scientific = _options.sci_mode
        self.width = self._widest(values)

    def _widest(self, values: np.ndarray) -> int:
        return max((len(self.text(v)) for v in values), default=1)

    def text(self, value: Any) -> str:
        if self.real:
            out = self._float(float(value))
        else:
            out = str(bool(value)) if isinstance(value, np.bool_) else str(int(value))
        return out.rjust(self.width)

    def _float(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_options.precision}e}"
        if self.whole:
            return f"{value:.0f}." if math.isfinite(value) else str(value)
        return f"{value:.{_options.precision}f}"


def _pairs(values: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """Complex numbers are written as two real ones, each with a form of its own."""
    real, imag = _Format(values.real), _Format(values.imag)

    def text(value: Any) -> str:
        end = imag.text(value.imag).lstrip() + "j"
        return real.text(value.real) + (end if end[0] in "+-" else "+" + end)

    return text, real.width + imag.width + 1


def _rows(
    array: np.ndarray, text: Callable[[Any], str], width: int, indent: int, summary: bool
) -> str:
    if array.ndim == 0:
        return text(array[()])
    places = _places(array.shape[0], summary)
    if array.ndim == 1:
        if summary and not _options.edgeitems:
            return "[...]"
        words = [" ..." if i is None else text(array[i]) for i in places]
        per_line = max(1, (_options.linewidth - indent) // (width + 2))
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    parts = [
        "..." if i is None else _rows(array[i], text, width, indent + 1, summary) for i in places
    ]
    gap = "," + "\n" * (array.ndim - 1) + " " * (indent + 1)
    return "[" + gap.join(parts) + "]"


def formatter(values: np.ndarray) -> tuple[Callable[[Any], str], int]:
    """How each of some values is written, and the width that they are written in."""
    if values.dtype.kind == "c":
        return _pairs(values)
    style = _Format(values)
    return style.text, style.width


def body(array: np.ndarray, indent: int = 0) -> str:
    """The numbers of an array as text.

    >>> body(np.array([1.0, 2.5]))
    '[1.0000, 2.5000]'
    """
    summary = array.size > _options.threshold
    return _rows(array, *formatter(_shown(array, summary)), indent, summary)


def _usual(dtype: dt.DType) -> bool:
    default = get_default_dtype()
    return dtype is default or dtype is (dt.complex128 if default is dt.float64 else dt.complex64)


def tensor_repr(self: Tensor) -> str:
    """`tensor([1., 2.])` with dtype and gradient status where they aren't the usual ones.

    Inside jit, where nothing has a value yet, shape and dtype are shown instead.
    """
    kind = self._kind
    notes = []
    if local.rec.jit is not None and self._buf is None:
        return f"tensor(<recorded>, shape={tuple(kind.shape)}, dtype=firth.{kind.dtype.name})"
    array = contents(self)
    usual = _usual(kind.dtype)
    if array.size == 0:
        text = "[]"
        usual = kind.dtype is get_default_dtype()
        if kind.shape != (0,):
            notes.append(f"size={tuple(kind.shape)}")
    else:
        text = body(array, len("tensor("))
        usual = usual or kind.dtype.name in ("int64", "bool")
    if not usual:
        notes.append(f"dtype=firth.{kind.dtype.name}")
    if kind.requires_grad:
        notes.append("requires_grad=True" if kind.leaf else "grad_fn=<recorded>")
    return _with_notes("tensor(" + text, notes)


def _with_notes(text: str, notes: Sequence[str]) -> str:
    """Each note on the last line, or on a line of its own where that gets too long."""
    indent = len("tensor(")
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        if length + len(note) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + note
            length = indent + len(note)
        else:
            text += ", " + note
            length += len(note) + 2
    return text + ")"


def tensor_html(self: Tensor) -> str | None:
    """What notebooks show: a picture, a table, or None for the printed form."""
    if local.rec.jit is not None and self._buf is None:
        return None
    return imported("firth.tensor.notebook").html(contents(self), tuple(self._kind.shape), self)


def table(array: np.ndarray) -> tuple[Sequence[int | None], Sequence[int | None], list[list[str]]]:
    """Rows and columns of a matrix that are shown, and their words ("" for what is left out)."""
    summary = array.size > _options.threshold
    text, _ = formatter(_shown(array, summary))
    rows, columns = _places(array.shape[0], summary), _places(array.shape[1], summary)
    words = [
        ["" if i is None or j is None else text(array[i, j]).strip() for j in columns] for i in rows
    ]
    return rows, columns, words


FUNCTIONS: dict[str, Callable[..., Any]] = {"set_printoptions": set_printoptions}
METHODS: dict[str, Callable[..., Any]] = {"__repr__": tensor_repr, "_repr_html_": tensor_html}
