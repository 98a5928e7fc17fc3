from __future__ import annotations

from firth.base import dtype as dt
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Const,
    Expression,
    Kernel,
    Load,
    Loop,
    Store,
)
from firth.ir.kernel_key import kernel_key
from firth.passes.affine import of_axis


def row_sum(name: str = "i", extent: int = 8, op: str = "add", init: float = 0.0) -> Kernel:
    row, column = Axis(name, 4), Axis("j", extent)
    total = Accumulator("a", op, dt.float32, init)
    load = Load(0, Affine(0, ((row, extent), (column, 1))), dt.float32)
    inner = Loop(column, (Accumulate(total, load),), 0, (total,))
    buffers = (Buffer(dt.float32), Buffer(dt.float32, True))
    body = (inner, Store(1, Affine(0, ((row, 1),)), total))
    return Kernel(name, ((row, 1),), buffers, body, (f"{name}.py:1",))


def square(shared: bool, value: float = 2.0) -> Kernel:
    def number() -> Expression:
        return Apply("exp", (Const(value, dt.float32),), dt.float32)

    left = number()
    product = Apply("mul", (left, left if shared else number()), dt.float32)
    return Kernel("k", (), (Buffer(dt.float32, True),), (Store(0, Affine(), product),))


def test_names_and_lines_do_not_count() -> None:
    assert kernel_key(row_sum("i")) == kernel_key(row_sum("other"))
    assert hash(kernel_key(row_sum("i"))) == hash(kernel_key(row_sum("other")))


def test_everything_else_counts() -> None:
    kernels = [
        row_sum(),
        row_sum(extent=9),
        row_sum(op="maximum"),
        row_sum(init=-0.0),
        square(True),
        square(False),
        square(True, 0.0),
        square(True, -0.0),
    ]
    assert len({kernel_key(k) for k in kernels}) == len(kernels)


def test_nan_is_itself() -> None:
    assert kernel_key(square(True, float("nan"))) == kernel_key(square(True, float("nan")))


def test_chains_may_be_deep() -> None:
    def deep() -> Kernel:
        i = Axis("i", 8)
        value: Expression = Load(0, of_axis(i), dt.float32)
        for _ in range(5000):
            value = Apply("neg", (value,), dt.float32)
        body = (Loop(i, (Store(1, of_axis(i), value),), 8),)
        buffers = (Buffer(dt.float32, elements=8), Buffer(dt.float32, True, elements=8))
        return Kernel("deep", (), buffers, body)

    assert kernel_key(deep()) == kernel_key(deep())
