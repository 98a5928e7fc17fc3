"""Shapes and places, under the standard's names."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth import Tensor
from firth.base.errors import ArgumentError, ShapeError, message
from firth.tensor.shape import axes_of, axis_of


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """The arrays expanded to the one shape that they broadcast to."""
    return firth.broadcast_tensors(*arrays)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that all shapes broadcast to."""
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ShapeError(
            message("broadcast_shapes", "the shapes do not broadcast",
                    " and ".join(map(str, shapes)), "equal extents or 1", "reshape one")
        ) from None  # fmt: skip


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """The array expanded to a shape."""
    return firth.broadcast_to(x, shape)


def concat(arrays: Any, /, *, axis: int | None = 0) -> Tensor:
    """Arrays one after the other along an axis; flattened first when it is None."""
    arrays = list(arrays)
    if axis is None:
        return firth.cat([a.reshape(-1) for a in arrays], 0)
    return firth.cat(arrays, axis)


def expand_dims(x: Tensor, /, axis: int | tuple[int, ...] = 0) -> Tensor:
    """The array with axes of extent 1 put in."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    places = axes_of("expand_dims", axes, x.ndim + len(axes)) if axes else ()
    extents = iter(x.shape)
    return x.reshape([1 if i in places else next(extents) for i in range(x.ndim + len(axes))])


def flip(x: Tensor, /, *, axis: int | tuple[int, ...] | None = None) -> Tensor:
    """The order along some axes (all without one) turned round."""
    if axis == () or not x.ndim:
        return x.clone()
    return firth.flip(x, *axes_of("flip", axis, x.ndim))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """Some axes moved to other places, the rest kept in order."""
    return firth.movedim(x, source, destination)


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """The axes in another order."""
    return firth.permute(x, axes)


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Every element repeated, each its own number of times or all alike."""
    return firth.repeat_interleave(x, repeats, axis)


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """The same elements in another shape: a view unless copy=True."""
    out = x.reshape(tuple(shape))
    if copy is False and not x.is_contiguous():
        raise ArgumentError(
            message("reshape", "this needs a copy", f"copy=False and strides {x.stride()}",
                    "a contiguous array", "leave copy out")
        )  # fmt: skip
    return out.clone() if copy else out


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved round along axes, the last ones back to the front."""
    if isinstance(shift, int) and not isinstance(axis, int) and axis is not None:
        shift = (shift,) * len(axis)
    if axis is not None:
        shift = (shift,) if isinstance(shift, int) else shift
        axis = (axis,) if isinstance(axis, int) else axis
    return firth.roll(x, shift, axis)


def squeeze(x: Tensor, /, axis: int | tuple[int, ...]) -> Tensor:
    """Axes of extent 1 taken away; ShapeError (a ValueError) for others."""
    axes = axes_of("squeeze", axis, x.ndim) if axis != () else ()
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(
                message("squeeze", "the extent is not 1", f"extent {x.shape[a]} of axis {a}",
                        "an extent of 1", "leave the axis out")
            )  # fmt: skip
    return x.reshape([n for i, n in enumerate(x.shape) if i not in axes])


def stack(arrays: Any, /, *, axis: int = 0) -> Tensor:
    """Arrays of one shape along a new axis."""
    return firth.stack(list(arrays), axis)


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """Copies laid side by side along each axis."""
    return firth.tile(x, *repetitions)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, without that axis."""
    return firth.unbind(x, axis_of("unstack", axis, x.ndim))
