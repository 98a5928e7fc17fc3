"""scikit-learn with array_api_dispatch on Firth tensors gives what it gives on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import decomposition, linear_model, metrics, mixture, preprocessing
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import pairwise
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from tests.conformance.dispatch.data import GUESSES, LABELS, POSITIVE, X, Y, ours, same


@pytest.fixture(autouse=True)
def dispatch() -> Iterator[None]:
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.mark.parametrize(
    "name", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "Normalizer", "PolynomialFeatures"]
)
def test_scalers(name: str) -> None:
    make = getattr(preprocessing, name)
    same(make().fit(ours(X)).transform(ours(X)), make().fit_transform(X))


@pytest.mark.parametrize("solver", ["full", "covariance_eigh", "randomized"])
def test_pca(solver: str) -> None:
    make = lambda: decomposition.PCA(2, svd_solver=solver, random_state=0)
    found, wanted = make().fit(ours(X)), make().fit(X)
    same(abs(found.transform(ours(X))), abs(wanted.transform(X)), 1e-5)  # signs are free
    same(found.explained_variance_, wanted.explained_variance_, 1e-5)


PREDICTORS: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "ridge": (lambda: linear_model.Ridge(solver="svd"), Y),
    "ridge classifier": (lambda: linear_model.RidgeClassifier(solver="svd"), LABELS),
    "linear discriminants": (lambda: LinearDiscriminantAnalysis(solver="svd"), LABELS),
    "naive Bayes": (GaussianNB, LABELS),
    "logistic regression": (linear_model.LogisticRegression, LABELS),
}


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictors(name: str) -> None:
    make, target = PREDICTORS[name]
    same(make().fit(ours(X), ours(target)).predict(ours(X)), make().fit(X, target).predict(X), 1e-6)


def test_mixtures() -> None:
    make = lambda: mixture.GaussianMixture(2, init_params="random", random_state=0)
    same(make().fit(ours(X)).means_, make().fit(X).means_, 1e-5)


@pytest.mark.parametrize("name", [
    "accuracy_score", "zero_one_loss", "f1_score", "precision_score", "recall_score",
    "confusion_matrix",
])  # fmt: skip
def test_metrics_of_labels(name: str) -> None:
    score = getattr(metrics, name)
    more = {"average": "macro"} if name[:2] in ("f1", "pr", "re") else {}
    found, wanted = score(ours(LABELS), ours(GUESSES), **more), score(LABELS, GUESSES, **more)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-6)  # means in float32


@pytest.mark.parametrize("name", [
    "mean_squared_error", "mean_absolute_error", "r2_score", "explained_variance_score",
    "max_error", "median_absolute_error", "mean_pinball_loss", "mean_absolute_percentage_error",
])  # fmt: skip
def test_metrics_of_numbers(name: str) -> None:
    score = getattr(metrics, name)
    near = Y + 0.1 * X[:, 0]
    same(score(ours(Y), ours(near)), score(Y, near))


@pytest.mark.parametrize("name", [
    "euclidean_distances", "cosine_similarity", "rbf_kernel", "polynomial_kernel",
    "laplacian_kernel", "chi2_kernel", "manhattan_distances",
])  # fmt: skip
def test_distances(name: str) -> None:
    function = getattr(pairwise, name)
    same(function(ours(POSITIVE), ours(POSITIVE)), function(POSITIVE, POSITIVE), 1e-6)


def test_splits_and_labels() -> None:
    same(train_test_split(ours(X), random_state=0)[0], train_test_split(X, random_state=0)[0])
    same(preprocessing.LabelEncoder().fit_transform(ours(LABELS)), LABELS)
    same(
        preprocessing.label_binarize(ours(LABELS), classes=[0, 1, 2]),
        preprocessing.label_binarize(LABELS, classes=[0, 1, 2]),
    )
