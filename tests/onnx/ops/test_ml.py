from __future__ import annotations

import numpy as np
import pytest

import firth
from tests.onnx.oracle import check, node_model, normal, run

ML = "ai.onnx.ml"


@pytest.mark.parametrize(
    "kind, attributes",
    [("Scaler", {"offset": [0.0, 1.0, 2.0], "scale": [1.0, 2.0, 0.5]}),
     ("Normalizer", {"norm": "L2"}), ("Binarizer", {"threshold": 0.5}),
     ("Imputer", {"imputed_value_floats": [9.0], "replaced_value_float": float("nan")}),
     ("LinearRegressor", {"coefficients": [1.0, 2.0, 3.0, 0.0, 1.0, 0.0],
                          "intercepts": [0.5, -1.0], "targets": 2})],
)  # fmt: skip
def test_features_and_linear_models(kind, attributes):
    x = normal(4, 3)
    if kind == "Imputer":
        x[0, 0] = np.nan
    check(kind, x, domain=ML, **attributes)


@pytest.mark.parametrize("labels", [{"classlabels_strings": ["a", "b", "c"]},
                                    {"classlabels_ints": [7, 8, 9]}])  # fmt: skip
def test_classes_of_a_linear_model(labels):
    x = normal(5, 2)
    model = node_model(
        "LinearClassifier", [x], 2, domain=ML, coefficients=[1.0, 0.0, 0.0, 1.0, -1.0, -1.0],
        intercepts=[0.0, 0.0, 0.5], post_transform="SOFTMAX", **labels,
    )  # fmt: skip
    names, share = run(model, x)
    scores = x @ np.array([[1.0, 0, -1], [0, 1, -1]]) + [0, 0, 0.5]
    assert names.tolist() == [next(iter(labels.values()))[i] for i in scores.argmax(1)]
    np.testing.assert_allclose(share.sum(1), 1, rtol=1e-5)


def test_labels_and_their_default():
    x = np.array(["a", "?", "b"], object)
    model = node_model("LabelEncoder", [x], domain=ML, keys_strings=["a", "b"],
                       values_int64s=[1, 2], default_int64=-5)  # fmt: skip
    assert run(model, x)[0].tolist() == [1, -5, 2]


def test_scores_become_dicts():
    x = np.float32([[0.25, 0.75]])
    model = firth.onnx.load(node_model("ZipMap", [x], domain=ML, classlabels_strings=["a", "b"]))
    assert model(x) == [{"a": 0.25, "b": 0.75}]
