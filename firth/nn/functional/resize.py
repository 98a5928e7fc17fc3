"""Images in other sizes, and sampled at points: interpolate, grid_sample, affine_grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn.functional.common import per_dim
from firth.tensor import Tensor, tensor
from firth.tensor.record import apply, check_room

_RANKS = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
_MODES = ("nearest", "nearest-exact", "area", *_RANKS)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Resizes the spatial dimensions to a size or by a factor. x: (N, C, ...) -> (N, C, ...).

    mode: nearest, nearest-exact, area, linear (3 dimensions), bilinear or bicubic (4), trilinear
    (5). align_corners: the corner pixels keep their places. antialias: smooth when shrinking.
    """
    spatial = tuple(input.shape[2:])
    n = len(spatial)
    if mode not in _MODES or not 1 <= n <= 3 or _RANKS.get(mode, n) != n:
        raise ArgumentError(
            message("interpolate", "no such mode for this input", f"{mode!r}, {tuple(input.shape)}",
                    "nearest, nearest-exact, area, or linear, bilinear, bicubic, trilinear for 3, "
                    "4, 4, 5 dimensions", "use mode='nearest'")
        )  # fmt: skip
    if (size is None) == (scale_factor is None):
        raise ArgumentError(
            message(
                "interpolate",
                "not one of size and scale_factor",
                f"size {size}, scale_factor {scale_factor}",
                "exactly one",
                "drop one",
            )
        )
    if mode not in _RANKS and align_corners is not None:
        raise ArgumentError(
            message("interpolate", f"mode {mode!r} has no corners to align",
                    f"align_corners={align_corners}", "None", "use mode='bilinear'")
        )  # fmt: skip
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ArgumentError(
            message("interpolate", "no antialiasing for this mode", repr(mode),
                    "bilinear or bicubic", "leave antialias out")
        )  # fmt: skip
    factors: Sequence[float | None] = (None,) * n
    if size is not None:
        wanted = per_dim(size, n)
    else:
        factors = _each(scale_factor, n)
        wanted = tuple(math.floor(k * f) for k, f in zip(spatial, factors, strict=True))  # type: ignore[operator]
        if recompute_scale_factor:
            factors = (None,) * n
    if min(wanted) < 1:
        raise ArgumentError(
            message("interpolate", "nothing would be left", f"size {wanted}", "at least 1 each",
                    "use a larger factor")
        )  # fmt: skip
    if mode == "area":
        return apply("adaptive_avg_pool", input, sizes=wanted)
    check_room("interpolate", (*input.shape[:2], *wanted), input.dtype)
    for i, (old, new, factor) in enumerate(zip(spatial, wanted, factors, strict=True)):
        input = _resized(input, 2 + i, old, new, factor, mode, bool(align_corners), antialias)
    return input


def _each(value: Any, n: int) -> tuple[float, ...]:
    found = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(found) != n:
        raise ArgumentError(
            message("interpolate", "not one factor per spatial dimension", str(value), f"{n}",
                    "give one number for all")
        )  # fmt: skip
    return tuple(float(f) for f in found)


def _resized(
    x: Tensor, axis: int, old: int, new: int, factor: float | None, mode: str, align: bool,
    antialias: bool,
) -> Tensor:  # fmt: skip
    """One dimension resized: a weighted sum of places for each new one."""
    if mode.startswith("nearest"):
        # in single precision, as PyTorch finds its places
        scale = np.float32(1 / factor if factor else old / new)
        half = np.float32(0.5 if mode == "nearest-exact" else 0)
        place = np.floor((np.arange(new, dtype=np.float32) + half) * scale).astype(np.int64)
        return apply("take", x, tensor(np.minimum(place, old - 1)), axis=axis)
    if align:
        scale_ = (old - 1) / (new - 1) if new > 1 else 0.0
    else:
        scale_ = 1 / factor if factor else old / new
    if antialias:
        return _smoothed(x, axis, old, new, scale_, mode)
    source = scale_ * np.arange(new) if align else scale_ * (np.arange(new) + 0.5) - 0.5
    if mode == "bicubic":
        first = np.floor(source)
        weights = _cubic(source - first, -0.75)
        places = [np.clip(first + k, 0, old - 1) for k in (-1, 0, 1, 2)]
    else:
        source = np.maximum(source, 0)
        first = np.minimum(np.floor(source), old - 1)
        second = source - first
        places, weights = [first, np.minimum(first + 1, old - 1)], [1 - second, second]
    total: Any = None
    for place, weight in zip(places, weights, strict=True):
        along = tuple(new if i == axis else 1 for i in range(x.ndim))
        taken = apply("take", x, tensor(place.astype(np.int64)), axis=axis)
        term = taken * tensor(weight).to(x.dtype).reshape(*along)
        total = term if total is None else total + term
    return total  # type: ignore[no-any-return]


def _cubic(t: Any, a: float) -> list[Any]:
    """The weights of four neighbours at a share t between the middle two (Keys, 1981)."""

    def near(x: Any) -> Any:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Any) -> Any:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _smoothed(x: Tensor, axis: int, old: int, new: int, scale: float, mode: str) -> Tensor:
    """With a filter as wide as a new pixel: a matrix product along one dimension."""
    wide = max(scale, 1.0)
    support = (1.0 if mode == "bilinear" else 2.0) * wide
    weights = np.zeros((old, new))
    for i in range(new):
        center = scale * (i + 0.5)
        low = max(int(center - support + 0.5), 0)
        high = min(int(center + support + 0.5), old)
        t = np.abs((np.arange(low, high) - center + 0.5) / wide)
        if mode == "bilinear":
            w = np.maximum(1 - t, 0)
        else:
            a = -0.5
            w = np.where(t < 1, ((a + 2) * t - (a + 3)) * t * t + 1,
                         np.where(t < 2, ((a * t - 5 * a) * t + 8 * a) * t - 4 * a, 0))  # fmt: skip
        weights[low:high, i] = w / w.sum()
    labels = tuple(range(x.ndim))
    out = (*labels[:axis], x.ndim, *labels[axis + 1 :])
    return apply("contract", x, tensor(weights).to(x.dtype), a_labels=labels,
                 b_labels=(axis, x.ndim), out_labels=out)  # fmt: skip


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """As interpolate, under its older name."""
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate by nearest neighbours."""
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """interpolate bilinearly with aligned corners."""
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)


# --- sampling at points ---------------------------------------------------------------------------


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Where each pixel of an image comes from under affine maps: (N, d, d + 1) -> (N, ..., d).

    size: the shape of the image, (N, C, H, W) or (N, C, D, H, W); coordinates are in [-1, 1].
    """
    spatial = tuple(size[2:])
    n = len(spatial)
    if n not in (2, 3) or tuple(theta.shape[1:]) != (n, n + 1) or min(size) < 1:
        raise ShapeError(
            message("affine_grid", "the maps do not fit the size",
                    f"{tuple(theta.shape)} for {tuple(size)}", f"(N, {n}, {n + 1})",
                    "check the size")
        )  # fmt: skip
    lines = []
    for extent in spatial:
        line = np.linspace(-1, 1, extent) if extent > 1 else np.zeros(1)
        lines.append(line if align_corners else line * (extent - 1) / extent)
    grid = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(spatial)], -1)
    points = tensor(grid.reshape(-1, n + 1)).to(theta.dtype)
    out = points @ theta.transpose(1, 2)  # (N, points, n)
    return out.reshape(theta.shape[0], *spatial, n)


def grid_sample(
    input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:  # fmt: skip
    """The image at points in [-1, 1]: (N, C, H, W), (N, h, w, 2) -> (N, C, h, w); also in 3-D.

    The last dimension of grid is (x, y) or (x, y, z). mode: bilinear, nearest or (2-D) bicubic;
    padding_mode, for points outside: zeros, border or reflection.
    """
    n = input.ndim - 2
    if n not in (2, 3) or grid.ndim != n + 2 or grid.shape[-1] != n or (
        grid.shape[0] != input.shape[0] or 0 in input.shape[1:]
    ):  # fmt: skip
        raise ShapeError(
            message("grid_sample", "the grid does not fit the image",
                    f"{tuple(input.shape)} and {tuple(grid.shape)}",
                    "(N, C, H, W) and (N, h, w, 2), or the same in 3-D", "check the last dimension")
        )  # fmt: skip
    modes = ("bilinear", "nearest", "bicubic")[: 3 if n == 2 else 2]
    if mode not in modes or padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            message("grid_sample", "no such mode", f"{mode!r}, {padding_mode!r}",
                    f"{', '.join(modes)}; zeros, border, reflection", "use the defaults")
        )  # fmt: skip
    sampler = _Sampler(input, padding_mode, bool(align_corners))
    points = [grid[..., i].reshape(grid.shape[0], -1) for i in reversed(range(n))]
    at = [sampler.unscaled(p, axis) for axis, p in enumerate(points)]
    if mode == "bicubic":
        out = sampler.cubic(at)
    else:
        at = [sampler.inside(p, axis) for axis, p in enumerate(at)]
        out = sampler.nearest(at) if mode == "nearest" else sampler.linear(at)
    return out.reshape(*input.shape[:2], *grid.shape[1:-1])


class _Sampler:
    """An image, and what it is at points given in pixels: one (N, P) tensor per axis."""

    __slots__ = ("align", "extents", "flat", "padding")

    def __init__(self, image: Tensor, padding: str, align: bool) -> None:
        self.extents = tuple(image.shape[2:])
        self.flat = image.reshape(*image.shape[:2], -1)
        self.padding = padding
        self.align = align

    def unscaled(self, point: Tensor, axis: int) -> Tensor:
        """From [-1, 1] to pixels."""
        n = self.extents[axis]
        return (point + 1) * ((n - 1) / 2) if self.align else ((point + 1) * n - 1) / 2

    def inside(self, place: Tensor, axis: int) -> Tensor:
        """Moved into the image as the padding says; zeros leaves it outside."""
        n = self.extents[axis]
        if self.padding == "zeros":
            return place
        if self.padding == "reflection":
            low, span = (0.0, n - 1.0) if self.align else (-0.5, float(n))
            if span == 0:
                return place * 0.0
            gap = (place - low).abs()
            turns = (gap / span).floor().detach()
            rest = gap - turns * span
            odd = turns % 2 != 0
            place = apply("where", odd, span - rest, rest) + low
        # outside there is no slope, at the edge neither
        place = apply("where", place > 0, place, 0.0)
        return apply("where", place < n - 1, place, n - 1.0)

    def value(self, places: Sequence[Tensor]) -> Tensor:
        """Pixels at whole places, 0 outside: (N, C, P)."""
        flat: Any = None
        known: Any = None
        for place, n in zip(places, self.extents, strict=True):
            ok = (place >= 0) & (place <= n - 1)
            held = apply("where", ok, place, 0.0).long()
            known = ok if known is None else known & ok
            flat = held if flat is None else flat * n + held
        wide = (*self.flat.shape[:2], flat.shape[-1])
        picked = apply("take_along_axis", self.flat, flat.unsqueeze(1).expand(*wide), axis=2)
        return apply("where", known.unsqueeze(1), picked, 0.0)

    def nearest(self, at: Sequence[Tensor]) -> Tensor:
        """The pixel nearest to each point."""
        return self.value([p.detach().round() for p in at])

    def linear(self, at: Sequence[Tensor]) -> Tensor:
        """The weighted sum of the pixels around each point."""
        first = [p.detach().floor() for p in at]
        shares = [p - f for p, f in zip(at, first, strict=True)]
        total: Any = None
        for corner in np.ndindex(*(2,) * len(at)):
            weight: Any = None
            for up, share in zip(corner, shares, strict=True):
                part = share if up else 1 - share
                weight = part if weight is None else weight * part
            value = self.value([f + up for f, up in zip(first, corner, strict=True)])
            term = value * weight.unsqueeze(1)
            total = term if total is None else total + term
        return total  # type: ignore[no-any-return]

    def cubic(self, at: Sequence[Tensor]) -> Tensor:
        """The weighted sum of the 4 x 4 pixels around each point."""
        first = [p.detach().floor() for p in at]
        weights = [_cubic(p - f, -0.75) for p, f in zip(at, first, strict=True)]
        total: Any = None
        for i in range(4):
            for j in range(4):
                places = [
                    self.inside(first[0] + (i - 1), 0), self.inside(first[1] + (j - 1), 1),
                ]  # fmt: skip
                term = self.value(places) * (weights[0][i] * weights[1][j]).unsqueeze(1)
                total = term if total is None else total + term
        return total  # type: ignore[no-any-return]


def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """grid_sample with its modes by number, in the order in which it lists them."""
    mode = ("bilinear", "nearest", "bicubic")[interpolation_mode]
    padding = ("zeros", "border", "reflection")[padding_mode]
    return grid_sample(input, grid, mode, padding, align_corners)


grid_sampler_3d = grid_sampler = grid_sampler_2d
