"""Every op of the table: after three shapes another one compiles nothing, counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from firth.base import flags
from firth.ir.op import Op
from firth.targets.cpu import build
from tests.conformance.shapes.stretch import KNOWN, forget, stretched
from tests.table.table_tools import OPS


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path) -> object:
    """No object of an earlier run or test may hide a compilation."""
    flags.put("FIRTH_CACHE", str(tmp_path))
    forget()
    yield
    flags.put("FIRTH_CACHE", None)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_new_shapes_compile_nothing(op: Op) -> None:
    for sample in stretched(op):
        sizes = sample.sizes()
        for n in sizes[:KNOWN]:
            sample.ready(n)().numpy()
        before = build.compilations
        for n in sizes[KNOWN:]:
            sample.ready(n)().numpy()
        found = build.compilations - before
        assert found == 0, f"sample {sample.sample} compiled {found} kernels"
