"""Rows read in place at known distances: images of many sizes against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen.contract_windows import pieces
from firth.codegen.emit import emit
from firth.ir.kernel import Accumulator, Affine, Apply, Axis, Buffer, Const, Contract, Kernel, Load
from firth.ir.kernel import Store as Write
from firth.passes import blocking
from tests.codegen.harness import run
from tests.codegen.test_contract import MACHINES, draw


def affine(*terms: tuple[Axis, int], const: int = 0) -> Affine:
    return Affine(const, tuple((axis, c) for axis, c in terms if c and axis.extent > 1))


Shape = tuple[int, int, int, int, int, int, int]  # images, height, width, kernel, stride, in, out


def convolution(shape: Shape, blocks: tuple[int, int], dtype: DType, relu: bool) -> Kernel:
    """Images (n, h, w, c) with their rims, weights (kh, kw, c, f), results (n, h, w, f)."""
    images, height, width, k, stride, c_in, c_out = shape
    tall, wide = (height - 1) * stride + k, (width - 1) * stride + k
    n, y, x, f = (Axis("n", images), Axis("y", height), Axis("x", width), Axis("f", c_out))
    kh, kc = Axis("kh", k), Axis("kc", k * c_in)
    a = Load(0, affine((n, tall * wide * c_in), (y, stride * wide * c_in), (x, stride * c_in),
                       (kh, wide * c_in), (kc, 1)), dtype)  # fmt: skip
    b = Load(1, affine((kh, k * c_in * c_out), (kc, c_out), (f, 1)), dtype)
    result = Accumulator("sum", "add", dtype, 0)
    out = affine((n, height * width * c_out), (y, width * c_out), (x, c_out), (f, 1))
    value = Apply("maximum", (result, Const(0, dtype)), dtype) if relu else result
    rows = tuple(axis for axis in (n, y, x) if axis.extent > 1)
    reduce = tuple(axis for axis in (kh, kc) if axis.extent > 1)
    body = (Write(2, out, value),)
    grid = tuple(zip((*rows[:1], f), (*blocks,), strict=False))
    buffers = (Buffer(dtype), Buffer(dtype), Buffer(dtype, written=True))
    return Kernel("conv", grid, buffers, (Contract(rows, (f,), reduce, a, b, result, body),))


def expected(shape: Shape, image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    images, height, width, k, stride, _, c_out = shape
    total = np.zeros((images, height, width, c_out))
    for i in range(k):
        for j in range(k):
            part = image[:, i : i + (height - 1) * stride + 1 : stride]
            part = part[:, :, j : j + (width - 1) * stride + 1 : stride]
            total += part.astype(np.float64) @ weight[i, j].astype(np.float64)
    return total


SHAPES: dict[str, Shape] = {
    "rows shorter than a piece": (3, 4, 4, 3, 1, 8, 20),
    "rows of several pieces": (2, 3, 33, 3, 1, 5, 33),
    "rows that share a piece unevenly": (2, 7, 7, 3, 1, 4, 16),
    "single pixels": (9, 1, 1, 3, 1, 4, 8),
    "a stride": (2, 5, 6, 3, 2, 3, 40),
    "few channels": (1, 9, 8, 7, 2, 3, 16),
    "one column": (2, 6, 5, 3, 1, 4, 1),
    "a long sum": (2, 4, 3, 3, 1, 200, 8),
}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", SHAPES)
def test_images(name: str, machine: str) -> None:
    shape, target = SHAPES[name], MACHINES[machine]
    for blocks, relu in (((99, 99), True), ((2, 16), False)):
        check(shape, target, blocks, dt.float32, relu)


@pytest.mark.parametrize("name", SHAPES)
def test_small_images_in_even_pieces_and_short_loops(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = []
    for most in (0, 1 << 40):
        monkeypatch.setattr(blocking, "EVEN_WORK", most)
        check(SHAPES[name], MACHINES["avx512"], (99, 99), dt.float32, True)
        kernel = convolution(SHAPES[name], (99, 99), dt.float32, True)
        lengths.append(emit(kernel, MACHINES["avx512"]).text.count("\n"))
    assert lengths[1] <= lengths[0]


@pytest.mark.parametrize("dtype", [dt.float64, dt.int32], ids=str)
def test_other_types(dtype: DType) -> None:
    check(SHAPES["a stride"], MACHINES["avx2"], (2, 16), dtype, True)


def check(
    shape: Shape, target: TargetFacts, blocks: tuple[int, int], dtype: DType, relu: bool
) -> None:
    images, height, width, k, stride, c_in, c_out = shape
    rng = np.random.default_rng(4)
    tall, wide = (height - 1) * stride + k, (width - 1) * stride + k
    image = draw(rng, (images, tall, wide, c_in), dtype)
    weight = draw(rng, (k, k, c_in, c_out), dtype)
    out = np.zeros((images, height, width, c_out), dtype.np)
    kernel = convolution(shape, blocks, dtype, relu)
    run(kernel, [image, weight, out], target)
    want = expected(shape, image, weight)
    want = np.maximum(want, 0) if relu else want
    tolerance = 1e-4 if dtype is dt.float32 else 1e-12
    np.testing.assert_allclose(out, want, atol=tolerance * (k * k * c_in) ** 0.5, rtol=1e-5)


def test_nothing_is_copied_but_the_columns() -> None:
    kernel = convolution((4, 8, 8, 3, 1, 16, 16), (99, 99), dt.float32, False)
    text = emit(kernel, MACHINES["avx2"], False)
    assert text.scratch_bytes < 2 * 3 * 3 * 16 * 16 * 4
    assert "_at_" in text.text and "_sum_3x" in text.text.replace("_sum_3_", "_sum_3x")


def cut(extents: tuple[int, ...], limit: int) -> tuple[int, int, int]:
    axes = tuple(Axis("r", n) for n in extents)
    found = pieces(axes, dict(zip(axes, extents, strict=True)), limit)
    return len(found.outer), found.rows, found.whole


def test_pieces_are_whole_rows_of_an_image_or_even_parts_of_one() -> None:
    assert cut((32, 32, 32), 14) == (2, 11, 1)  # 11, 11, 10
    assert cut((32, 16, 16), 14) == (2, 8, 1)
    assert cut((32, 8, 8), 14) == (2, 8, 1)
    assert cut((32, 4, 4), 14) == (1, 8, 4)  # two rows of four
    assert cut((32, 7, 7), 14) == (1, 14, 7)
    assert cut((32, 2, 2), 14) == (0, 12, 4)  # three images
    assert cut((3,), 14) == (0, 3, 1)


def test_a_cut_axis_is_not_part_of_a_whole() -> None:
    y, x = Axis("y", 9), Axis("x", 8)
    found = pieces((y, x), {y: 9, x: 4}, 14)
    assert (found.outer, found.rows, found.whole) == ((y,), 4, 1)
