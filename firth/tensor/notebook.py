"""What notebooks show of a tensor: a table of its numbers, or the picture that it is."""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Any

import numpy as np

from firth.tensor.printing import table

_SMALLEST = 16  # fewer rows or columns are numbers, not a picture
_LARGEST = 512
_STYLE = "font-family:monospace;text-align:right"


def html(array: np.ndarray, shape: tuple[int, ...], tensor: Any) -> str | None:
    """A picture with its shape below, a table, or None where neither tells more than text."""
    pixels = picture(array)
    caption = f"{tensor.dtype.name}{list(shape)}"
    if tensor.requires_grad:
        caption += " requires_grad"
    if pixels is not None:
        data = base64.b64encode(png(pixels)).decode()
        height, width = pixels.shape[:2]
        zoom = max(1, 128 // max(height, width))
        size = f'width="{width * zoom}" height="{height * zoom}" style="image-rendering:pixelated"'
        return f'<img {size} src="data:image/png;base64,{data}"><div>{caption}</div>'
    if array.ndim not in (1, 2) or not array.size:
        return None
    rows, columns, words = table(array.reshape(-1, array.shape[-1]))
    head = "".join(f"<th>{'…' if j is None else j}</th>" for j in columns)
    lines = [f'<tr style="{_STYLE}"><th></th>{head}</tr>']
    for i, line in zip(rows, words, strict=True):
        name = "" if array.ndim == 1 else "…" if i is None else i
        cells = "".join(f"<td>{escape(word) or '…'}</td>" for word in line)
        lines.append(f'<tr style="{_STYLE}"><th>{name}</th>{cells}</tr>')
    return f"<table>{''.join(lines)}</table><div>{caption}</div>"


def picture(array: np.ndarray) -> np.ndarray | None:
    """The pixels (H, W) or (H, W, 3 or 4) in uint8 of what looks like a picture, else None.

    That is (H, W), (H, W, C) or (C, H, W) of bytes or of floats in [0, 1], at least 16 by 16.
    """
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (3, 4):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        return None
    if min(array.shape[:2]) < _SMALLEST:
        return None
    step = -(-max(array.shape[:2]) // _LARGEST)
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array[::step, ::step])
    if array.dtype.kind not in "fV" or array.dtype.kind == "V" and array.dtype.itemsize > 2:
        return None
    values = array.astype(np.float32)
    if not (values.min() >= 0 and values.max() <= 1 and values.min() < values.max()):
        return None
    return np.round(np.ascontiguousarray(values[::step, ::step]) * 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of uint8 pixels (H, W) in grey, or (H, W, 3 or 4) in colours."""
    height, width = pixels.shape[:2]
    colours = {2: 0, 3: 2, 4: 6}[pixels.ndim if pixels.ndim == 2 else pixels.shape[2]]
    rows = pixels.reshape(height, -1)
    raw = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()  # filter 0
    header = struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
