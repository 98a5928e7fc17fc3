"""Dot products along the sum: when they serve, and that they add up."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base import flags
from firth.codegen.emit import emit
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.passes import pipeline
from tests.codegen.harness import facts, run
from tests.codegen.test_contract import matmul, try_matmul


def uses_dots(generic: bool = False, **options: object) -> bool:
    kernel = matmul(options.pop("m", 1), 10, 64, **options)  # type: ignore[arg-type]
    return "dots_" in emit(kernel, facts(32), generic).text


def test_they_serve_few_rows_with_both_operands_along_the_sum() -> None:
    assert uses_dots(b_rows=True)
    assert uses_dots(b_rows=True, m=16)
    assert not uses_dots(b_rows=True, m=17)
    assert not uses_dots()  # b is stored along its columns
    assert not uses_dots(b_rows=True, a_cols=True, m=2)


def test_generic_text_decides_when_it_runs() -> None:
    text = emit(matmul(9, 10, 64, b_rows=True), facts(32), True).text
    assert "dots_" in text and "mk_" in text


def test_strict_mode_sums_in_one_order() -> None:
    flags.put("FIRTH_STRICT", "1")
    try:
        assert not uses_dots(b_rows=True)
    finally:
        flags.put("FIRTH_STRICT", None)


@pytest.mark.parametrize("dtype", [dt.float32, dt.float64, dt.int64], ids=str)
@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 9), (1, 10, 784), (2, 5, 33), (16, 7, 40)])
@pytest.mark.parametrize("generic", [False, True])
def test_values(m: int, n: int, k: int, dtype: dt.DType, generic: bool) -> None:
    try_matmul(m, n, k, facts(32), generic, dtype, b_rows=True)


def test_rows_and_columns_of_ones() -> None:
    """Sums of small integers are exact, whatever the order."""
    shapes = ((3, 100), (5, 100), (3, 5))
    a, b, c = (np.ones(shape, np.float32) for shape in shapes)
    run(matmul(3, 5, 100, b_rows=True), [a, b, c], facts(32))
    assert (c == 100).all()


def test_no_rows() -> None:
    x, w = input_node(0, (0, 64), dt.float32), input_node(1, (2, 64), dt.float32)
    product = TABLE["contract"](
        Expr(x), Expr(w), a_labels=(0, 1), b_labels=(2, 1), out_labels=(0, 2)
    )
    _, plan = pipeline.to_kernels(Graph((x, w), (product.node,)), facts(16))
    for step in plan.steps:
        assert step.kernel.tiles() == 0
        emit(step.kernel, facts(16))
