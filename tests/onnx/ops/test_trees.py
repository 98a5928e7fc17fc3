from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

import firth
from firth.base.errors import FirthError
from tests.onnx.oracle import node_model, normal, run

ML = "ai.onnx.ml"


def tree(**changes):
    attributes = {
        "n_targets": 2, "aggregate_function": 1, "tree_roots": [0], "nodes_featureids": [0, 1],
        "nodes_modes": numpy_helper.from_array(np.uint8([0, 3])),
        "nodes_splits": numpy_helper.from_array(np.float32([0.5, 1.0])),
        "nodes_truenodeids": [1, 0], "nodes_trueleafs": [0, 1], "nodes_falsenodeids": [2, 1],
        "nodes_falseleafs": [1, 1], "leaf_targetids": [0, 1, 1],
        "leaf_weights": numpy_helper.from_array(np.float32([10, 20, 30])),
    }  # fmt: skip
    return attributes | changes


X = np.float32([[0, 2], [0, 0], [1, 0]])


def test_a_tree_in_jit_too():
    model = firth.onnx.load(node_model("TreeEnsemble", [X], domain=ML, **tree()))
    wanted = [[10, 0], [0, 20], [0, 30]]
    assert model(X).tolist() == wanted
    assert firth.jit(model)(firth.tensor(X)).tolist() == wanted


@pytest.mark.parametrize("changes", [{"nodes_truenodeids": [0, 0]}, {"nodes_falsenodeids": [2, 9]}])
def test_trees_with_circles_or_loose_ends_are_refused(changes):
    model = firth.onnx.load(node_model("TreeEnsemble", [X], domain=ML, **tree(**changes)))
    with pytest.raises(FirthError, match="TreeEnsemble"):
        model(X)


def forest_attributes(forest, kind):
    """A forest of scikit-learn in the form before opset 5."""
    a = {name: [] for name in (
        "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes",
        "nodes_truenodeids", "nodes_falsenodeids", f"{kind}_treeids", f"{kind}_nodeids",
        f"{kind}_ids", f"{kind}_weights",
    )}  # fmt: skip
    for number, estimator in enumerate(forest.estimators_):
        t = estimator.tree_
        for node in range(t.node_count):
            leaf = t.children_left[node] < 0
            row = (number, node, 0 if leaf else t.feature[node], float(t.threshold[node]),
                   "LEAF" if leaf else "BRANCH_LEQ", max(t.children_left[node], 0),
                   max(t.children_right[node], 0))  # fmt: skip
            for name, value in zip(list(a)[:7], row, strict=True):
                a[name].append(value)
            for target, weight in enumerate(t.value[node].reshape(-1) if leaf else ()):
                row = (number, node, target, float(weight) / len(forest.estimators_))
                for name, value in zip(list(a)[7:], row, strict=True):
                    a[name].append(value)
    return a


def test_forests_of_scikit_learn():
    x, rng = normal(80, 4), np.random.default_rng(0)
    y = x[:, 0] * 2 + x[:, 1] ** 2
    forest = RandomForestRegressor(5, max_depth=4, random_state=0).fit(x, y)
    new = rng.standard_normal((20, 4)).astype(np.float32)
    model = node_model("TreeEnsembleRegressor", [new], domain=ML, n_targets=1,
                       **forest_attributes(forest, "target"))  # fmt: skip
    np.testing.assert_allclose(run(model, new)[0][:, 0], forest.predict(new), rtol=1e-4, atol=1e-5)
    classes = np.digitize(y, [0, 2])
    forest = RandomForestClassifier(5, max_depth=4, random_state=0).fit(x, classes)
    attributes = forest_attributes(forest, "class") | {"classlabels_int64s": [0, 1, 2]}
    model = node_model("TreeEnsembleClassifier", [new], 2, domain=ML, **attributes)
    labels, scores = run(model, new)
    np.testing.assert_array_equal(labels, forest.predict(new))
    np.testing.assert_allclose(scores, forest.predict_proba(new), rtol=1e-4, atol=1e-6)
