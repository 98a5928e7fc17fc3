"""How operands reach their micro-kernel: in place where that is as fast, else copied first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.codegen.text import Text
from firth.ir.kernel import Accumulator, Affine, Axis, Buffer, Contract, Kernel, Load, Store
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.blocking import micro_tile
from firth.passes.pipeline import to_kernels
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of


def text_of(build: Build, *shapes: tuple[int, ...], generic: bool = False) -> Text:
    calls = to_kernels(graph_of(build, *shapes), FACTS, generic)[0].calls
    return emit(calls[-1].kernel, FACTS, generic)


def contract(a: str, b: str, out: str) -> Build:
    """An einsum of two sources, labels as letters."""

    def build(x: Expr, y: Expr) -> Expr:
        labels = [tuple(map(ord, word)) for word in (a, b, out)]
        return T["contract"](x, y, a_labels=labels[0], b_labels=labels[1], out_labels=labels[2])

    return build


def shuffles(text: Text) -> int:
    return text.text.count("shufflevector")


def test_rows_of_one_stride_and_few_of_them_are_read_in_place() -> None:
    text = text_of(contract("ik", "kj", "ij"), (12, 40), (40, 32))
    assert "mk_float32_6x2x8_40_40_1_32_32" in text.text  # strides of what it reads and writes
    assert text.scratch_bytes < 12 * 40 * 4


def test_ragged_columns_are_masked_where_masks_are_native() -> None:
    assert "_mask(" in text_of(contract("ik", "kj", "ij"), (12, 40), (40, 30)).text


def test_many_rows_copy_b_into_panels_once() -> None:
    few = text_of(contract("ik", "kj", "ij"), (48, 40), (40, 32))
    many = text_of(contract("ik", "kj", "ij"), (110, 40), (40, 32))
    assert many.scratch_bytes >= few.scratch_bytes + 40 * 32 * 4
    assert "_40_1_16_32(" in many.text and "_40_1_32_32(" in few.text  # the stride along the sum


def test_b_with_neighbours_along_the_sum_is_transposed_into_panels() -> None:
    transposed = text_of(contract("ik", "jk", "ij"), (100, 40), (64, 40))
    plain = text_of(contract("ik", "kj", "ij"), (100, 40), (40, 64))
    assert shuffles(transposed) >= shuffles(plain) + 24  # squares of 8 by 8


def test_few_rows_along_the_sum_are_dot_products() -> None:
    text = text_of(contract("ik", "jk", "ij"), (1, 784), (128, 784)).text
    assert "dots_float32_" in text and "mk_float32_" not in text


def test_generic_text_serves_every_extent() -> None:
    build = contract("ik", "kj", "ij")
    texts = [text_of(build, (m, k), (k, n), generic=True)
             for m, k, n in ((12, 40, 32), (7, 5, 3), (300, 9, 200))]  # fmt: skip
    assert len({t.name for t in texts}) == 1
    assert len({t.params for t in texts}) == 3


@pytest.mark.parametrize("dtype", [dt.int8, dt.uint16], ids=str)
def test_types_without_a_micro_kernel_are_plain_loops(dtype: dt.DType) -> None:
    graph = graph_of(contract("ik", "kj", "ij"), (4, 5), (5, 6), dtype=dtype)
    (call,) = to_kernels(graph, FACTS)[0].calls
    assert "mk_" not in emit(call.kernel, FACTS, False).text


def test_copied_rows_have_room_for_all_that_a_generic_piece_reads() -> None:
    facts = replace(FACTS, vector_bytes=64, vector_registers=32, l2_bytes=1 << 21)
    i, j, k = Axis("i", 66), Axis("j", 8), Axis("k", 16)
    total = Accumulator("sum", "add", dt.float32, 0)
    a = Load(0, Affine(0, ((i, 16), (k, 1))), dt.float32)
    b = Load(1, Affine(0, ((k, 8), (j, 1))), dt.float32)
    store = Store(2, Affine(0, ((i, 8), (j, 1))), total)
    body = (Contract((i,), (j,), (k,), a, b, total, (store,)),)
    buffers = (Buffer(dt.float32), Buffer(dt.float32), Buffer(dt.float32, True))
    text = emit(Kernel("k", (), buffers, body), facts, True)
    most = micro_tile(1 << 20, 1 << 20, 4, facts)[0]
    rows, room = -(-66 // most) * most, 256 + 16  # one stride for all lengths of a sum
    assert rows > 67 and text.scratch_bytes >= rows * room * 4
