from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.onnx.oracle import node_model, run


@pytest.mark.parametrize(
    "kind, attributes, mean",
    [("RandomUniform", {"low": 2.0, "high": 4.0}, 3.0),
     ("RandomNormal", {"mean": -1.0, "scale": 0.5}, -1.0)],
)  # fmt: skip
def test_a_seed_fixes_the_numbers(kind, attributes, mean):
    model = node_model(kind, [], shape=[4000], seed=7.0, **attributes)
    first, second = run(model)[0], run(model)[0]
    np.testing.assert_array_equal(first, second)
    assert abs(first.mean() - mean) < 0.05
    free = node_model(kind, [], shape=[10], **attributes)
    assert (run(free)[0] != run(free)[0]).any()


def test_bernoulli_and_multinomial_follow_their_probabilities():
    firth.manual_seed(0)
    p = np.full(4000, 0.2, np.float32)
    assert abs(run(node_model("Bernoulli", [p]), p)[0].mean() - 0.2) < 0.03
    x = np.log(np.float32([[0.1, 0.6, 0.3]]))
    drawn = run(node_model("Multinomial", [x], sample_size=4000), x)[0]
    counts = np.bincount(drawn.reshape(-1), minlength=3) / 4000
    assert drawn.dtype == np.int32 and abs(counts - [0.1, 0.6, 0.3]).max() < 0.04
