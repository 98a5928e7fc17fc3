"""Pictures: resizing, sampling at places, regions of interest, boxes."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.ops.conv import each, window_pads
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, ints
from firth.tensor import Tensor
from firth.tensor.record import apply

# --- files ----------------------------------------------------------------------------------------

# What ImageDecoder reads: Pillow knows more formats, some of which start other programs.
_FORMATS = ("BMP", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")


@op("ImageDecoder", host=(0,))
def image_decoder(encoded: np.ndarray, *, pixel_format: str = "RGB") -> Any:
    """The pixels of an encoded picture: (bytes) uint8 -> (H, W, channels) uint8."""
    try:
        from PIL import Image
    except ImportError:
        raise ArgumentError(
            message("ImageDecoder", "Pillow decodes pictures", "no such package", "pillow",
                    "pip install pillow")
        ) from None  # fmt: skip
    picture = Image.open(io.BytesIO(encoded.tobytes()), formats=_FORMATS)
    pixels = np.array(picture.convert("L" if pixel_format == "Grayscale" else "RGB"))
    if pixel_format == "Grayscale":
        return as_tensor(pixels[:, :, None])
    return as_tensor(np.ascontiguousarray(pixels[:, :, ::-1] if pixel_format == "BGR" else pixels))


# --- resizing -------------------------------------------------------------------------------------


def _place(mode: str, n_in: int, n_out: int, scale: float, roi: tuple[float, float]) -> np.ndarray:
    """Where each output of an axis lies in the input."""
    x = np.arange(n_out, dtype=np.float64)
    exact = scale * n_in
    if mode == "align_corners":
        return x * (n_in - 1) / (exact - 1) if n_out > 1 else np.zeros(n_out)
    if mode == "asymmetric":
        return x / scale
    if mode == "tf_half_pixel_for_nn":
        return (x + 0.5) / scale
    if mode == "tf_crop_and_resize":
        start, end = roi
        if n_out > 1:
            return start * (n_in - 1) + x * (end - start) * (n_in - 1) / (n_out - 1)
        return np.full(n_out, 0.5 * (start + end) * (n_in - 1))
    half = (x + 0.5) / scale - 0.5
    if mode == "half_pixel":
        return half
    if mode == "pytorch_half_pixel":
        return half if n_out > 1 else np.zeros(n_out)
    if mode == "half_pixel_symmetric":
        return half + n_in / 2 * (1 - n_out / exact)
    raise ArgumentError(
        message("Resize", "unknown coordinate_transformation_mode", repr(mode),
                "half_pixel, align_corners, asymmetric, ...", "export the model again")
    )  # fmt: skip


def _nearest(place: np.ndarray, mode: str) -> np.ndarray:
    if mode == "round_prefer_floor":
        return np.ceil(place - 0.5)
    if mode == "round_prefer_ceil":
        return np.floor(place + 0.5)
    return np.floor(place) if mode == "floor" else np.ceil(place)


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _taps(
    place: np.ndarray, n_in: int, scale: float, mode: str, cubic_a: float, antialias: bool,
    exclude_outside: bool,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """(positions, weights) of what each output of an axis sums: (out, taps) each."""
    reach = 2 if mode == "cubic" else 1
    squeeze = min(scale, 1.0) if antialias else 1.0
    m = 1 - (math.floor(-reach / squeeze) + 1)
    left = np.ceil(place) - 1  # the last pixel strictly before
    offset = np.arange(1 - m, m + 1)
    spots = left[:, None] + offset
    distance = (spots - place[:, None]) * squeeze
    if mode == "cubic":
        weights = _cubic(distance, cubic_a)
    else:
        weights = np.clip(1 - np.abs(distance), 0, 1)
    if antialias:
        weights = weights / weights.sum(1, keepdims=True)
    if exclude_outside:
        weights = np.where((spots < 0) | (spots >= n_in), 0, weights)
        weights = weights / weights.sum(1, keepdims=True)
    return spots.clip(0, n_in - 1).astype(np.int64), weights


def _along(x: Tensor, axis: int, spots: np.ndarray, weights: np.ndarray) -> Tensor:
    """Weighted sums of slices along an axis."""
    shape = tuple(-1 if a == axis else 1 for a in range(x.ndim))
    if spots.shape[1] > 4:  # many taps are a product with a matrix
        matrix = np.zeros((spots.shape[0], x.shape[axis]))
        np.add.at(matrix, (np.arange(len(spots))[:, None], spots), weights)
        last = x.transpose(axis, -1)
        return (last @ as_tensor(matrix.astype(x.dtype.np)).T).transpose(axis, -1)
    total: Any = None
    for t in range(spots.shape[1]):
        factor = as_tensor(weights[:, t].astype(x.dtype.np)).reshape(shape)
        part = x.index_select(axis, as_tensor(np.ascontiguousarray(spots[:, t]))) * factor
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def _extents(
    x: Tensor, scales: np.ndarray | None, sizes: np.ndarray | None, axes: list[int], policy: str
) -> tuple[list[int], list[float]]:
    """New extents and scales of the axes."""
    old = [x.shape[a] for a in axes]
    if scales is not None and scales.size:
        found = [float(s) for s in scales.reshape(-1)]
        return [math.floor(n * s) for n, s in zip(old, found, strict=True)], found
    if sizes is None:
        raise ArgumentError(
            message("Resize", "neither scales nor sizes", "None", "one of them", "export again")
        )
    new = ints(sizes)
    found = [n / o if o else 1.0 for n, o in zip(new, old, strict=True)]
    if policy != "stretch":
        one = min(found) if policy == "not_larger" else max(found)
        found = [one] * len(old)
        new = [math.floor(one * n + 0.5) for n in old]
    return new, found


@op("Resize", since=11, host=(1, 2, 3))
def resize(
    x: Tensor, roi: np.ndarray | None = None, scales: np.ndarray | None = None,
    sizes: np.ndarray | None = None, *, mode: str = "nearest",
    coordinate_transformation_mode: str = "half_pixel", cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0, extrapolation_value: float = 0.0,
    nearest_mode: str = "round_prefer_floor", antialias: int = 0, axes: list[int] | None = None,
    keep_aspect_ratio_policy: str = "stretch",
) -> Any:  # fmt: skip
    """Other extents by nearest neighbours, or linear or cubic interpolation along each axis."""
    over = [a % x.ndim for a in (axes if axes is not None else range(x.ndim))]
    new, factors = _extents(x, scales, sizes, over, keep_aspect_ratio_policy)
    crops = coordinate_transformation_mode == "tf_crop_and_resize"
    outside: list[tuple[int, np.ndarray]] = []
    for i, axis in enumerate(over):
        n_in, n_out = x.shape[axis], new[i]
        region = (0.0, 1.0)
        if crops and roi is not None:
            region = float(roi[i]), float(roi[i + len(over)])
        if n_in == n_out and factors[i] == 1 and not crops:
            continue
        place = _place(coordinate_transformation_mode, n_in, n_out, factors[i], region)
        if crops:
            outside.append((axis, (place < 0) | (place > n_in - 1)))
        if mode == "nearest":
            spots = _nearest(place, nearest_mode).clip(0, n_in - 1).astype(np.int64)
            x = x.index_select(axis, as_tensor(spots))
        else:
            spots, weights = _taps(
                place, n_in, factors[i], mode, cubic_coeff_a, bool(antialias),
                bool(exclude_outside),
            )  # fmt: skip
            x = _along(x, axis, spots, weights)
    for axis, beyond in outside:
        if beyond.any():
            shape = tuple(-1 if a == axis else 1 for a in range(x.ndim))
            x = firth.where(as_tensor(beyond).reshape(shape), extrapolation_value, x)
    return x


@op("Resize", "Upsample", since=9, host=(1,))
def resize_old(x: Tensor, scales: np.ndarray, *, mode: str = "nearest") -> Any:
    """Resize as it was in opset 10, and Upsample."""
    return resize(
        x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip


@op("Upsample", since=7)
def upsample_attribute(x: Tensor, *, scales: list[float], mode: str = "nearest") -> Any:
    """Upsample as it was before opset 9."""
    return resize_old(x, np.array(scales), mode=mode)


# --- sampling at places ---------------------------------------------------------------------------


def _reflected(place: Tensor, low: float, high: float) -> Tensor:
    """Places beyond the borders mirrored at them."""
    span = high - low
    if span <= 0:
        return firth.zeros_like(place)
    turned = ((place - low) % (2 * span)).abs()
    return firth.where(turned > span, 2 * span - turned, turned) + low


@op("GridSample")
def grid_sample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "linear",
    padding_mode: str = "zeros",
) -> Any:  # fmt: skip
    """Values of x at places in [-1, 1]: x (N, C, D1..Dr), grid (N, ..., r), last axis first."""
    n, c = x.shape[:2]
    sizes = tuple(x.shape[2:])
    r = len(sizes)
    kind = mode.removeprefix("bi")
    taps, shares = [], []
    for axis, extent in enumerate(sizes):
        g = grid[..., r - 1 - axis]
        place = (g + 1) / 2 * (extent - 1) if align_corners else ((g + 1) * extent - 1) / 2
        low, high = (0.0, extent - 1.0) if align_corners else (-0.5, extent - 0.5)
        if kind == "nearest":
            place = place.round()
        if padding_mode == "border":
            place = firth.where((place < low) | (place > high), place.clamp(0, extent - 1), place)
        elif padding_mode == "reflection":
            place = firth.where((place < low) | (place > high), _reflected(place, low, high), place)
        spots, weights = _spots(place, kind)
        found = [_inside(s, w, extent, low, high, padding_mode)
                 for s, w in zip(spots, weights, strict=True)]  # fmt: skip
        taps.append([f[0] for f in found])
        shares.append([f[1] for f in found])
    flat, total = x.reshape(n, c, -1), None
    out = grid.shape[1:-1]
    for corner in np.ndindex(*(len(t) for t in taps)):
        index: Any = 0
        share: Any = 1.0
        for axis, k in enumerate(corner):
            index = index * sizes[axis] + taps[axis][k]
            share = share * shares[axis][k]
        place = index.reshape(n, 1, -1).expand(n, c, math.prod(out))
        part = firth.gather(flat, 2, place).reshape(n, c, *out) * share.reshape(n, 1, *out)
        total = part if total is None else total + part
    return total if total is None else total.to(x.dtype)


def _spots(place: Tensor, kind: str) -> tuple[list[Tensor], list[Tensor]]:
    """The pixels around each place of one axis and their shares."""
    if kind == "nearest":
        return [place], [firth.ones_like(place)]
    base = place.floor()
    t = place - base
    if kind == "linear":
        return [base, base + 1], [1 - t, t]
    if kind != "cubic":
        raise ArgumentError(
            message("GridSample", "unknown mode", repr(kind), "nearest, linear or cubic",
                    "export the model again")
        )  # fmt: skip
    a = -0.75
    shares = [
        ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1,
        ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a,
    ]
    return [base - 1, base, base + 1, base + 2], shares


def _inside(
    spot: Tensor, share: Tensor, extent: int, low: float, high: float, padding_mode: str
) -> tuple[Tensor, Tensor]:
    """Pixels as positions that exist, their shares 0 where there is nothing."""
    if padding_mode == "zeros":
        share = firth.where((spot < 0) | (spot > extent - 1), 0, share)
    elif padding_mode == "reflection":
        spot = _reflected(spot, low, high).trunc()
    return spot.clamp(0, extent - 1).to(firth.int64), share


@op("Col2Im", host=(1, 2))
def col2im(
    x: Tensor, image_shape: np.ndarray, block_shape: np.ndarray, *,
    dilations: list[int] | None = None, pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Any:  # fmt: skip
    """Blocks added up where they came from: (N, C * prod(block), L) -> (N, C, *image)."""
    image, block = tuple(ints(image_shape)), tuple(ints(block_shape))
    n = len(image)
    stride, dilation = each(strides, n), each(dilations, n)
    pairs = window_pads("NOTSET", pads, image, block, stride, dilation)
    full = tuple(i + sum(p) for i, p in zip(image, pairs, strict=True))
    spots = np.zeros((1, 1), np.int64)
    for f, k, s, d in zip(full, block, stride, dilation, strict=True):
        places = (f - (k - 1) * d - 1) // s + 1
        here = np.arange(k)[:, None] * d + np.arange(places) * s  # (k, places)
        spots = (spots[:, None, :, None] * f + here[None, :, None, :]).reshape(
            spots.shape[0] * k, spots.shape[1] * places
        )
    batch, rows = x.shape[:2]
    channels = rows // math.prod(block)
    values = x.reshape(batch * channels, -1).T  # (prod(block) * L, N * C)
    zeros = firth.zeros(math.prod(full), batch * channels, dtype=x.dtype)
    y = apply("scatter", zeros, values, as_tensor(spots.reshape(-1)), axes=(0,), mode="add")
    y = y.T.reshape(batch, channels, *full)
    for axis, (i, p) in enumerate(zip(image, pairs, strict=True)):
        y = y.narrow(2 + axis, p[0], i)
    return y


# --- regions and boxes ----------------------------------------------------------------------------


def _samples(start: float, size: float, bins: int, count: int) -> np.ndarray:
    """Places of the samples of each bin of one axis: (bins, count)."""
    step = size / bins
    return start + np.arange(bins)[:, None] * step + (np.arange(count) + 0.5) * step / count


def _corners(place: np.ndarray, extent: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The two pixels around each place and their shares; none of it far outside."""
    outside = (place < -1) | (place > extent)
    held = np.maximum(place, 0)
    low = np.minimum(held.astype(np.int64), extent - 1)
    high = np.minimum(low + 1, extent - 1)
    t = np.where(low >= extent - 1, 0.0, held - low)
    return [low, high], [np.where(outside, 0, 1 - t), np.where(outside, 0, t)]


@op("RoiAlign", host=(1, 2))
def roi_align(
    x: Tensor, rois: np.ndarray, batch_indices: np.ndarray, *, mode: str = "avg",
    output_height: int = 1, output_width: int = 1, sampling_ratio: int = 0,
    spatial_scale: float = 1.0, coordinate_transformation_mode: str | None = None, opset: int,
) -> Any:  # fmt: skip
    """Each region divided in bins, with the mean or maximum of samples between pixels."""
    how = coordinate_transformation_mode or ("half_pixel" if opset >= 16 else "output_half_pixel")
    shift = 0.5 if how == "half_pixel" else 0.0
    height, width = x.shape[2:]
    out = []
    for roi, batch in zip(rois.astype(np.float64), ints(batch_indices), strict=True):
        left, top, right, bottom = roi * spatial_scale - shift
        sizes = [bottom - top, right - left]
        if how != "half_pixel":
            sizes = [max(s, 1.0) for s in sizes]
        bins = (output_height, output_width)
        counts = [
            sampling_ratio or max(math.ceil(s / b), 1) for s, b in zip(sizes, bins, strict=True)
        ]
        ys, wy = _corners(_samples(top, sizes[0], bins[0], counts[0]), height)
        xs, wx = _corners(_samples(left, sizes[1], bins[1], counts[1]), width)
        out.append(_pooled(x[batch], ys, wy, xs, wx, mode))
    if not out:
        return firth.zeros(0, x.shape[1], output_height, output_width, dtype=x.dtype)
    return firth.stack(out)


def _pooled(x: Tensor, ys: Any, wy: Any, xs: Any, wx: Any, mode: str) -> Tensor:
    """(C, H, W) at samples (bins, count) of both axes -> (C, bins, bins)."""
    c, _, width = x.shape
    flat = x.reshape(c, -1)
    parts = []
    for i in (0, 1):
        for j in (0, 1):  # (bins_y, bins_x, count_y, count_x)
            spot = ys[i][:, None, :, None] * width + xs[j][None, :, None, :]
            share = wy[i][:, None, :, None] * wx[j][None, :, None, :]
            seen = flat.index_select(1, as_tensor(spot.reshape(-1))).reshape(c, *spot.shape)
            parts.append(seen * as_tensor(share.astype(x.dtype.np)))
    if mode == "avg":
        return (parts[0] + parts[1] + parts[2] + parts[3]).mean((3, 4))
    best = parts[0]
    for part in parts[1:]:
        best = firth.maximum(best, part)
    return best.amax((3, 4))


@op("MaxRoiPool", host=(1,))
def max_roi_pool(
    x: Tensor, rois: np.ndarray, *, pooled_shape: list[int], spatial_scale: float = 1.0
) -> Any:
    """The largest pixel of each bin of each region: rois (n, 5) of batch, x1, y1, x2, y2."""
    height, width = x.shape[2:]
    out = []
    for batch, *corners in rois.astype(np.float64):
        x1, y1, x2, y2 = (math.floor(v * spatial_scale + 0.5) for v in corners)
        rows = []
        for top, bottom in _bins(y1, y2, pooled_shape[0], height):
            row = []
            for left, right in _bins(x1, x2, pooled_shape[1], width):
                if bottom <= top or right <= left:
                    row.append(firth.zeros(x.shape[1], dtype=x.dtype))
                else:
                    row.append(x[int(batch), :, top:bottom, left:right].amax((1, 2)))
            rows.append(firth.stack(row, 1))
        out.append(firth.stack(rows, 1))
    return firth.stack(out)


def _bins(first: int, last: int, bins: int, extent: int) -> list[tuple[int, int]]:
    size = max(last - first + 1, 1) / bins
    edges = [(math.floor(i * size) + first, math.ceil((i + 1) * size) + first) for i in range(bins)]
    return [(min(max(a, 0), extent), min(max(b, 0), extent)) for a, b in edges]


@op("NonMaxSuppression", host=(-1,))
def non_max_suppression(
    boxes: np.ndarray, scores: np.ndarray, max_output_boxes_per_class: np.ndarray | None = None,
    iou_threshold: np.ndarray | None = None, score_threshold: np.ndarray | None = None, *,
    center_point_box: int = 0,
) -> Any:  # fmt: skip
    """(batch, class, box) of the best boxes that do not overlap a better one: (n, 3) int64."""
    most = (
        0 if max_output_boxes_per_class is None else int(max_output_boxes_per_class.reshape(-1)[0])
    )
    iou = 0.0 if iou_threshold is None else float(iou_threshold.reshape(-1)[0])
    least = None if score_threshold is None else float(score_threshold.reshape(-1)[0])
    found = []
    for b, box in enumerate(_corner_boxes(boxes, center_point_box)):
        for c, score in enumerate(scores[b]):
            order = np.argsort(-score, kind="stable")
            if least is not None:
                order = order[score[order] > least]
            kept: list[int] = []
            for i in order:
                if len(kept) >= most:
                    break
                if not kept or _overlap(box[i], box[kept]).max() <= iou:
                    kept.append(int(i))
            found += [(b, c, i) for i in kept]
    return np.array(found, np.int64).reshape(-1, 3)


def _corner_boxes(boxes: np.ndarray, center: int) -> np.ndarray:
    if center:
        x, y, w, h = (boxes[..., i] for i in range(4))
        return np.stack([y - h / 2, x - w / 2, y + h / 2, x + w / 2], -1)
    a, b = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(a, b), np.maximum(a, b)], -1)


def _overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with others: (n)."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0)
