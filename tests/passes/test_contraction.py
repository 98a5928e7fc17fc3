"""Rows, columns and sums of contractions, and what runs in their epilogues."""

from __future__ import annotations

import pytest

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.ir.kernel import Apply, Contract, Load
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.loops import Call
from firth.passes.pipeline import to_kernels
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of


def calls_of(
    build: Build, *shapes: tuple[int, ...], generic: bool = False, dtype: DType = dt.float32
) -> list[Call]:
    return to_kernels(graph_of(build, *shapes, dtype=dtype), FACTS, generic)[0].calls


def contract_of(build: Build, *shapes: tuple[int, ...], **options: object) -> Contract:
    (call,) = calls_of(build, *shapes, **options)  # type: ignore[arg-type]
    (body,) = call.kernel.body
    assert isinstance(body, Contract)
    return body


def extents(found: Contract) -> list[list[int]]:
    return [[a.extent for a in group] for group in (found.rows, found.cols, found.reduce)]


def transposed(x: Expr) -> Expr:
    return T["permute"](x, axes=(1, 0))


def contract(
    x: Expr, y: Expr, a: tuple[int, ...], b: tuple[int, ...], out: tuple[int, ...]
) -> Expr:
    return T["contract"](x, y, a_labels=a, b_labels=b, out_labels=out)


CASES: dict[str, tuple[Build, tuple[tuple[int, ...], ...], list[list[int]]]] = {
    "matmul": (lambda x, w: T["matmul"](x, w), ((9, 8), (8, 7)), [[9], [7], [8]]),
    "a transposed operand": (
        lambda x, w: T["matmul"](x, transposed(w)), ((9, 8), (7, 8)), [[9], [7], [8]]
    ),
    "b supplies the rows when a has the innermost axis of the result": (
        lambda x, w: contract(x, w, (0, 1), (1, 2), (2, 0)), ((19, 8), (8, 17)), [[17], [19], [8]]
    ),
    "a matrix times a vector": (
        lambda x, v: contract(x, v, (0, 1), (1,), (0,)), ((9, 8), (8,)), [[], [9], [8]]
    ),
    "a short row of columns gives way to the longer side": (
        lambda x, w: T["matmul"](x, w), ((90, 8), (8, 3)), [[3], [90], [8]]
    ),
    "neighbouring sums are one": (
        lambda x, y: contract(x, y, (0, 1, 2), (1, 2, 3), (0, 3)),
        ((9, 3, 5), (3, 5, 8)),
        [[9], [8], [15]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_axes(name: str) -> None:
    build, shapes, expected = CASES[name]
    assert extents(contract_of(build, *shapes)) == expected


def test_batches_are_tiles() -> None:
    (call,) = calls_of(lambda x, w: T["matmul"](x, w), (5, 9, 8), (5, 8, 7))
    assert [(a.extent, block) for a, block in call.kernel.grid] == [(5, 1), (9, 9), (7, 7)]


def test_the_epilogue_reads_the_sum_and_writes_everything_stored() -> None:
    def build(x, w, b):  # type: ignore[no-untyped-def]
        y = T["matmul"](x, w) + b
        return y, T["tanh"](y)

    found = contract_of(build, (9, 8), (8, 7), (7,))
    assert len(found.body) == 2
    last = found.body[1].value
    assert isinstance(last, Apply) and last.op == "tanh"


def test_movement_of_an_operand_is_an_index_map_and_work_on_it_is_stored_first() -> None:
    def windows(x: Expr, w: Expr) -> Expr:
        padded = T["pad"](x, low=(0, 1), high=(0, 1), inner=(0, 0), value=0.0)
        seen = T["window"](padded, sizes=(3,), strides=(1,), dilations=(1,))
        return contract(seen, w, (0, 1, 2), (2, 3), (0, 1, 3))

    found = contract_of(windows, (4, 9), (3, 16))
    assert isinstance(found.a, Load) and found.a.buffer != found.b.buffer
    assert len(found.a.guards) == 1 and found.a.fill == 0.0
    names = [c.kernel.name for c in calls_of(lambda x, w: T["matmul"](x * 2.0, w), (9, 8), (8, 7))]
    assert names == ["mul", "contract"]


def test_half_types_accumulate_in_float32() -> None:
    calls = calls_of(lambda x, w: T["matmul"](x, w), (9, 8), (8, 7), dtype=dt.float16)
    assert [c.kernel.name for c in calls] == ["cast", "cast", "contract"]
    (found,) = calls[-1].kernel.body
    assert isinstance(found, Contract) and found.result.dtype is dt.float32
    value = found.body[0].value
    assert isinstance(value, Apply) and value.dtype is dt.float16


def test_generic_structure_does_not_depend_on_extents() -> None:
    def shape(m: int, n: int) -> list[int]:
        found = contract_of(lambda x, w: T["matmul"](x, w), (m, 8), (8, n), generic=True)
        return [len(g) for g in (found.rows, found.cols, found.reduce)]

    assert shape(9, 7) == shape(900, 3) == [1, 1, 1]
