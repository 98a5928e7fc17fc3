"""firth.nn.padding against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import nn
from tests.nn.oracle import LayerCase, case_name, check_layer

SHAPES = {1: (2, 3, 5), 2: (2, 3, 5, 4), 3: (1, 2, 4, 3, 5)}
CASES: list[LayerCase] = [
    (f"{kind}Pad{n}d", (tuple(range(2 * n))[::-1] if n == 1 else 2, *more), {}, shape)
    for kind, more in (
        ("Constant", (1.5,)), ("Zero", ()), ("Reflection", ()), ("Replication", ()),
        ("Circular", ()),
    )
    for n, shape in SHAPES.items()
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)


def test_sides_are_counted() -> None:
    with pytest.raises(firth.FirthError, match="ZeroPad2d: other sides than there are"):
        nn.ZeroPad2d((1, 2, 3))
