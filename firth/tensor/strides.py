"""Strides that PyTorch's memory would have: which reshapes are views, which writes overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence

from firth.tensor.handle import Tensor

Shape = tuple[int, ...]


def contiguous_strides(shape: Sequence[int]) -> Shape:
    """Row-major strides in elements.

    >>> contiguous_strides((2, 3))
    (3, 1)
    """
    out = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        out[i] = out[i + 1] * max(shape[i + 1], 1)
    return tuple(out)


def strides_of(tensor: Tensor) -> Shape:
    """Strides in elements, as PyTorch's memory would have them."""
    found = tensor._extra
    if found is None or found.base is None:
        return contiguous_strides(tensor._kind.shape)
    strides = contiguous_strides(found.base._kind.shape)
    shape: Shape = found.base._kind.shape
    for name, attrs, _ in found.lens:
        if name == "permute":
            strides = tuple(strides[a] for a in attrs[0])
            shape = tuple(shape[a] for a in attrs[0])
        elif name == "expand":
            strides = tuple(
                0 if a != b else s for a, b, s in zip(shape, attrs[0], strides, strict=True)
            )
            shape = attrs[0]
        elif name == "slice":
            strides = tuple(s * k for s, k in zip(strides, attrs[2], strict=True))
            shape = attrs[1]
        elif name == "slice_at":
            shape = attrs[1]
        elif name == "reshape":
            strides = view_strides(shape, strides, attrs[0]) or contiguous_strides(attrs[0])
            shape = attrs[0]
        elif name in ("real", "imag", "view_as_real"):  # counted in parts
            strides = tuple(2 * s for s in strides)
            if name == "view_as_real":
                strides, shape = (*strides, 1), (*shape, 2)
        elif name == "view_as_complex":
            strides, shape = tuple(s // 2 for s in strides[:-1]), shape[:-1]
    return strides


def view_strides(shape: Shape, strides: Shape, new: Shape) -> Shape | None:
    """Strides that show the same memory in another shape, None when there are none."""
    if math.prod(shape) == 0:
        return contiguous_strides(new)
    # Merge dimensions that lie together in memory, then split the runs along the new shape.
    runs: list[list[int]] = []
    for n, s in zip(shape, strides, strict=True):
        if n == 1:
            continue
        if runs and runs[-1][1] == n * s:
            runs[-1] = [runs[-1][0] * n, s]
        else:
            runs.append([n, s])
    out: list[int] = []
    run = len(runs) - 1
    left = runs[run][0] if runs else 1
    step = runs[run][1] if runs else 1
    for n in reversed(new):
        if n == 1:
            out.append(step)
            continue
        if left == 1 and run > 0:
            run -= 1
            left, step = runs[run]
        if left % n:
            return None
        out.append(step)
        step *= n
        left //= n
    return tuple(reversed(out))
