"""firth.nn.activation against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import firth
from firth import nn
from tests.nn.oracle import LayerCase, Oracle, case_name, check_layer

CASES: list[LayerCase] = [
    ("ReLU", (), {}, (4, 7)),
    ("ReLU6", (), {}, (4, 7)),
    ("Hardshrink", (0.3,), {}, (4, 7)),
    ("Softshrink", (0.3,), {}, (4, 7)),
    ("Threshold", (0.1, 2.0), {}, (4, 7)),
    ("Softmin", (1,), {}, (4, 7)),
    ("LeakyReLU", (0.2,), {}, (4, 7)),
    ("ELU", (1.5,), {}, (4, 7)),
    ("CELU", (1.5,), {}, (4, 7)),
    ("SELU", (), {}, (4, 7)),
    ("GELU", (), {}, (4, 7)),
    ("GELU", ("tanh",), {}, (4, 7)),
    ("SiLU", (), {}, (4, 7)),
    ("Mish", (), {}, (4, 7)),
    ("Hardswish", (), {}, (4, 7)),
    ("Hardtanh", (-0.5, 2.0), {}, (4, 7)),
    ("Sigmoid", (), {}, (4, 7)),
    ("Tanh", (), {}, (4, 7)),
    ("LogSigmoid", (), {}, (4, 7)),
    ("Softsign", (), {}, (4, 7)),
    ("Tanhshrink", (), {}, (4, 7)),
    ("Softplus", (2.0, 3.0), {}, (4, 7)),
    ("PReLU", (), {}, (4, 7)),
    ("PReLU", (3,), {}, (4, 3, 5)),
    ("Softmax", (1,), {}, (4, 7)),
    ("Softmax2d", (), {}, (2, 3, 2, 4)),
    ("LogSoftmax", (-1,), {}, (4, 7)),
    ("GLU", (), {}, (4, 6)),
]


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)


def test_hard_sigmoid() -> None:
    oracle = Oracle()
    oracle.tolerance = 1e-7  # PyTorch's gradient takes 1 / 6 as a float32
    x = np.random.default_rng(0).normal(size=(4, 7)) * 3
    oracle.module(nn.Hardsigmoid(), torch.nn.Hardsigmoid(), x)


def test_inplace_activation_writes_its_argument() -> None:
    x = firth.tensor([-1.0, 2.0])
    y = nn.ReLU(inplace=True)(x)
    assert x.tolist() == [0.0, 2.0]
    assert y.tolist() == [0.0, 2.0]
