"""Nodes as expressions of a kernel: what becomes a load, a guard, a check or an accumulator."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.ir.kernel import Accumulate, Affine, Apply, Checked, Coordinate, Load, Loop, Store
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.loops import Call
from firth.passes.pipeline import to_kernels
from firth.passes.values import Sites, neutral
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of


def calls_of(build: Build, *shapes: tuple[int, ...], dtype: dt.DType = dt.float32) -> list[Call]:
    return to_kernels(graph_of(build, *shapes, dtype=dtype), FACTS)[0].calls


def store_of(call: Call) -> Store:
    """The last store of a kernel."""
    statement = call.kernel.body[-1]
    while isinstance(statement, Loop):
        statement = statement.body[-1]
    assert isinstance(statement, Store)
    return statement


def test_views_are_addresses() -> None:
    (call,) = calls_of(
        lambda x: T["permute"](
            T["slice"](x, starts=(1, 2), sizes=(3, 5), steps=(1, 2)), axes=(1, 0)
        ) * 2.0,
        (6, 20),
    )  # fmt: skip
    value = store_of(call).value
    assert isinstance(value, Apply) and isinstance(value.args[0], Load)
    index = value.args[0].index
    assert index.const == 22 and sorted(c for _, c in index.terms) == [2, 20]


def test_padding_is_a_guard_with_a_fill() -> None:
    (call,) = calls_of(
        lambda x: T["pad"](x, low=(2,), high=(1,), inner=(0,), value=7.0) * 1.5, (9,)
    )
    load = store_of(call).value.args[0]  # type: ignore[union-attr]
    assert isinstance(load, Load) and load.fill == 7.0
    assert [(g.index.const, g.extent) for g in load.guards] == [(-2, 9)]


def test_padding_of_a_computed_value_chooses() -> None:
    (call,) = calls_of(
        lambda x: T["pad"](x + 1.0, low=(2,), high=(1,), inner=(0,), value=7.0), (9,)
    )
    value = store_of(call).value
    assert isinstance(value, Apply) and value.op == "where"


def test_iota_and_constants_need_no_memory() -> None:
    (call,) = calls_of(
        lambda x: x + T["cast"](T["iota"](extent=9, dtype=dt.int64), dtype=x.dtype) * 3.0, (9,)
    )
    assert len(call.kernel.buffers) == 2
    product = store_of(call).value.args[1]  # type: ignore[union-attr]
    assert isinstance(product, Apply) and isinstance(product.args[0].args[0], Coordinate)  # type: ignore[union-attr]


def test_an_index_that_is_known_to_lie_inside_is_part_of_the_address() -> None:
    def diagonal(x: Expr) -> Expr:
        places = T["iota"](extent=3, dtype=dt.int64)
        return T["gather"](x, places, places, axes=(0, 1))

    (call,) = calls_of(diagonal, (3, 4))
    load = store_of(call).value
    assert isinstance(load, Load) and not load.dynamic and not call.checks
    assert [c for _, c in load.index.terms] == [5]
    (call,) = calls_of(diagonal, (3, 2))  # the last one lies outside
    load = store_of(call).value
    assert isinstance(load, Load) and len(load.dynamic) == 1 and call.checks


def test_every_user_index_is_checked() -> None:
    (call,) = calls_of(
        lambda x: T["gather"](T["reshape"](x, shape=(3, 4)), x, axes=(1,)), (12,), dtype=dt.int64
    )
    load = store_of(call).value
    assert isinstance(load, Load) and call.checks
    ((checked, stride),) = load.dynamic
    assert isinstance(checked, Checked) and (checked.extent, stride) == (4, 1)
    assert isinstance(checked.index, Load)


def test_integer_division_has_a_site_and_float_division_none() -> None:
    (whole,) = calls_of(lambda x, y: x // y, (5,), (5,), dtype=dt.int32)
    (real,) = calls_of(lambda x, y: x / y, (5,), (5,))
    assert whole.checks and store_of(whole).value.site == 1  # type: ignore[union-attr]
    assert not real.checks


def test_reductions_of_half_types_accumulate_in_float32() -> None:
    (call,) = calls_of(lambda x: T["sum"](x, axes=(1,), keepdims=False), (4, 6), dtype=dt.float16)
    loop = call.kernel.body[0]
    while not any(isinstance(s, Accumulate) for s in loop.body):  # type: ignore[union-attr]
        loop = loop.body[0]  # type: ignore[union-attr]
    (step,) = loop.body  # type: ignore[union-attr]
    assert step.accumulator.dtype is dt.float32
    assert store_of(call).value.dtype is dt.float16  # type: ignore[union-attr]


def test_sites_are_numbered_from_one() -> None:
    sites = Sites()
    assert [sites.add("gather", "index", 5), sites.add("remainder", "division")] == [1, 2]
    assert sites.table[0].extent == 5 and Affine() == Affine(0, ())


@pytest.mark.parametrize("dtype", [dt.float32, dt.float16, dt.int8, dt.uint16, dt.int64, dt.bool_])
def test_neutral_values_change_nothing(dtype: dt.DType) -> None:
    values = np.array([0, 1, 1, 0]).astype(dtype.np)
    if dtype.kind in "iu":
        values = np.array([np.iinfo(dtype.np).min, np.iinfo(dtype.np).max, 3], dtype.np)
    for op, combine in (("maximum", np.maximum), ("minimum", np.minimum)):
        start = np.array(neutral(op, dtype)).astype(dtype.np)
        np.testing.assert_array_equal(combine(values, start), values)
    if dtype.kind != "b":
        assert neutral("add", dtype) == 0 and neutral("mul", dtype) == 1
