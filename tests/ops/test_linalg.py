"""Linear algebra against NumPy, singular and odd matrices included."""

from __future__ import annotations

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import DTypeError, LinAlgError, ShapeError
from firth.ir.op import Expr, input_node
from firth.ops.linalg import inv
from tests.table.table_tools import apply, run


def test_shapes_and_dtypes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"inv: the matrix is not square; got \(2, 3\)"):
        inv(Expr(input_node(0, (2, 3), dt.float32)))
    with pytest.raises(ShapeError, match="inv: not a matrix; got 1 dimensions"):
        inv(Expr(input_node(0, (2,), dt.float32)))
    with pytest.raises(DTypeError, match=r"inv: .* got int64"):
        inv(Expr(input_node(0, (2, 2), dt.int64)))


def test_a_singular_matrix_of_a_batch_is_named() -> None:
    rows = [[[1.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]]
    a = np.array(rows)
    with pytest.raises(LinAlgError, match=r"inv: a matrix is singular; got number 1 of \(2"):
        run(apply(inv, [a], {}), [a], "cpu")
