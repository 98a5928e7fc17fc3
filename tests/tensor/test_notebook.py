"""Tables and pictures for notebooks."""

from __future__ import annotations

import base64
import re
import struct
import zlib

import numpy as np
import pytest

import firth
from firth.tensor.notebook import picture, png


def pixels(data: bytes) -> np.ndarray:
    """The pixels of a PNG as `png` writes them."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    place, body = 8, b""
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        kind, part = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        (check,) = struct.unpack_from(">I", data, place + 8 + size)
        assert check == zlib.crc32(kind + part)
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack_from(">IIBB", part)
            assert depth == 8
        body += part if kind == b"IDAT" else b""
        place += size + 12
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:].reshape(height, width, {0: 1, 2: 3, 6: 4}[colours])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png(channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 256, (5, 7, channels)).astype(np.uint8)
    given = values[:, :, 0] if channels == 1 else values
    np.testing.assert_array_equal(pixels(png(given)), values)


def test_png_as_a_reader_sees_it() -> None:
    image = pytest.importorskip("PIL.Image")
    io = pytest.importorskip("io")
    values = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(values)))), values)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28), (28, 28)), ((1, 28, 28), (28, 28)), ((3, 20, 30), (20, 30, 3)),
        ((20, 30, 4), (20, 30, 4)), ((1000, 1600), (250, 400)), ((3, 3), None), ((2, 28, 28), None),
        ((28,), None),
    ],
)  # fmt: skip
def test_what_is_a_picture(shape: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    unit = np.random.default_rng(0).random(shape).astype(np.float32)
    for values in (unit, (unit * 255).astype(np.uint8)):
        found = picture(values)
        assert (None if found is None else found.shape) == expected
    assert picture(unit * 2) is None
    assert picture(np.zeros(shape, np.float32)) is None
    assert picture(np.zeros(shape, np.int64)) is None


def test_a_picture_in_html() -> None:
    x = firth.rand(3, 16, 16)
    text = x._repr_html_()
    data = re.search(r"base64,([^\"]+)", text)
    assert data is not None
    expected = np.round(x.permute(1, 2, 0).numpy() * 255)
    np.testing.assert_array_equal(pixels(base64.b64decode(data[1])), expected)
    assert "float32[3, 16, 16]" in text


def test_tables_in_html() -> None:
    text = firth.tensor([[1.0, 2.5], [3.0, float("nan")]])._repr_html_()
    assert re.findall("<td>(.*?)</td>", text) == ["1.0000", "2.5000", "3.0000", "nan"]
    assert text.count("<tr") == 3
    assert text.endswith("<div>float32[2, 2]</div>")
    assert re.findall("<td>(.*?)</td>", firth.arange(3)._repr_html_()) == ["0", "1", "2"]
    long = firth.arange(5000).reshape(50, 100)._repr_html_()
    assert (long.count("<tr"), long.count("<td>")) == (8, 49)
    assert "<th>99</th>" in long
    assert firth.zeros(2, 2, 2)._repr_html_() is None
    assert firth.tensor(1.0)._repr_html_() is None
