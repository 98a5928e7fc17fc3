from __future__ import annotations

import numpy as np
import pytest

from tests.onnx.oracle import check, node_model, normal, run


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Pow"])
def test_binary_operators_broadcast(kind):
    check(kind, np.abs(normal(2, 1, 3)) + 0.5, normal(4, 1, seed=1))


def test_integers_are_divided_towards_zero():
    check("Div", np.array([-7, 7, -7, 7]), np.array([2, 2, -2, -2]))


@pytest.mark.parametrize("fmod", [0, 1])
def test_mod_has_the_sign_of_the_divisor_or_of_the_dividend(fmod):
    check("Mod", np.array([-7, 7, -7, 7]), np.array([3, 3, -3, -3]), fmod=fmod)


def test_pow_keeps_the_dtype_of_its_base():
    check("Pow", np.array([2, 3, -3], np.int32), np.array([10.0, 2.0, 3.0], np.float32))
    check("Pow", np.array([2, 3, -3], np.int64), np.array([40, 2, 3], np.int64))


def test_gemm_transposes_scales_and_adds():
    check(
        "Gemm", normal(3, 2), normal(4, 3, seed=1), normal(4, seed=2),
        alpha=0.5, beta=2.0, transA=1, transB=1,
    )  # fmt: skip


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums(exclusive, reverse):
    check("CumSum", normal(2, 5), np.array(1), exclusive=exclusive, reverse=reverse)


def test_an_axis_of_old_broadcasting_is_where_the_smaller_shape_begins():
    a, b = normal(2, 3, 4), normal(3, seed=1)
    model = node_model("Add", [a, b], opset=6, axis=1, broadcast=1)
    np.testing.assert_allclose(run(model, a, b)[0], a + b[:, None])


def test_clip_with_bounds_as_inputs():
    check("Clip", normal(5), np.float32(-0.5) * np.ones(()).astype(np.float32), None)
