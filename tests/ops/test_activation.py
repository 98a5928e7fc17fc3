"""Activations: far ends and mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from firth import ops
from firth.base.errors import ArgumentError
from tests.table.table_tools import apply, expand_bodies, run

FAR = np.array([-1e4, 1e4], np.float32)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sigmoid", [0, 1]), ("logsigmoid", [-1e4, 0]), ("softplus", [0, 1e4]), ("tanh", [-1, 1]),
     ("silu", [0, 1e4]), ("gelu", [0, 1e4]), ("elu", [-1, 1e4]), ("mish", [0, 1e4])],
)  # fmt: skip
def test_far_ends(name: str, expected: list[float]) -> None:
    graph = apply(ops.TABLE[name], (FAR,), {})
    (found,) = run(graph.replace(expand_bodies(graph.outputs)), (FAR,))
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_gelu_names_its_approximations() -> None:
    with pytest.raises(ArgumentError, match="'none' or 'tanh'"):
        ops.gelu.ref(FAR, approximate="fast")
