"""Every op of the table: its meaning, its body and its rules agree, on every dtype and target."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base.dtype import DType
from firth.base.errors import DTypeError
from firth.ir.graph import Graph
from firth.ir.op import Op
from firth.ops.rules import ANY, Case
from tests.table.table_tools import (
    OPS,
    TARGETS,
    apply,
    close,
    expand_bodies,
    hard_values,
    run,
    samples,
)

ids = [op.name for op in OPS]


def hard_cases(op: Op, dtype: DType) -> list[Case]:
    """Special values for elementwise ops, every pair of them for two sources."""
    values = hard_values(dtype)
    if op.arity == 1:
        return [Case((values,), {}), Case((values[:0],), {})]
    if op.arity == 2:
        return [Case((values[:, None], values), {}), Case((values[:0], values[:1]), {})]
    return []


def tolerance(op: Op, case: Case, dtype: DType) -> float:
    """The op's own, for the coarsest float that takes part."""
    return op.tolerance.get(dtype, 0.0)


# Nothing to compute by themselves; control flow holds graphs, and tests/ops/test_flow.py tries it.
UNSAMPLED = ("input", "const", "stand_in", "result", "switch", "while_loop", "scan")


def test_every_op_has_samples_and_a_sentence() -> None:
    for op in ops.TABLE.values():
        assert op.doc.endswith("."), op.name
        if op.name in UNSAMPLED:
            continue
        assert op.sample is not None, op.name
        assert op.vjp is not None or op.lower is not None, f"{op.name} has no gradient"


@pytest.mark.parametrize("op", [op for op in OPS if op.lower], ids=lambda op: op.name)
def test_body_means_the_same(op: Op) -> None:
    for dtype, case in samples(op):
        graph = apply(op, case.args, case.attrs)
        body = Graph(graph.inputs, tuple(expand_bodies(graph.outputs)))
        expected, found = run(graph, case.args)[0], run(body, case.args)[0]
        close(found, expected, tolerance(op, case, dtype))


@pytest.mark.parametrize("op", OPS, ids=ids)
@pytest.mark.parametrize("target", [t for t in TARGETS if t != "ref"])
def test_target_agrees_with_ref(op: Op, target: str) -> None:
    for dtype, case in samples(op):
        graph = apply(op, case.args, case.attrs)
        found = run(graph, case.args, target)[0]
        close(found, run(graph, case.args)[0], 2 * tolerance(op, case, dtype))


def integer_division(op: Op, dtype: DType) -> bool:
    """Zeros raise there, which other tests look at."""
    return dtype.is_integer and op.name in (
        "remainder", "floor_divide", "div_floor", "div_trunc", "fmod"
    )  # fmt: skip


HARD = [op for op in OPS if op.sample.hard]


@pytest.mark.parametrize("op", HARD, ids=lambda op: op.name)
@pytest.mark.parametrize("target", TARGETS)
def test_hard_values(op: Op, target: str) -> None:
    for dtype in op.sample.dtypes:
        for case in [] if integer_division(op, dtype) else hard_cases(op, dtype):
            graph = apply(op, case.args, case.attrs)
            expected = run(graph, case.args)[0]
            if op.lower and target == "ref":
                graph = Graph(graph.inputs, tuple(expand_bodies(graph.outputs)))
            factor = 1 if target == "ref" else 2
            close(run(graph, case.args, target)[0], expected, factor * tolerance(op, case, dtype))


@pytest.mark.parametrize("op", HARD, ids=lambda op: op.name)
def test_dtypes_that_are_not_sampled_are_refused_or_work(op: Op) -> None:
    for dtype in ops_dtypes():
        case = op.sample.draw(np.random.default_rng(0), dtype)[0]
        try:
            graph = apply(op, case.args, case.attrs)
        except DTypeError:
            assert dtype not in op.sample.dtypes
            continue
        assert run(graph, case.args)[0].dtype == graph.outputs[0].dtype.np


def ops_dtypes() -> tuple[DType, ...]:
    """Every dtype."""
    return ANY
