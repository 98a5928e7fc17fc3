"""Classical machine learning, domain ai.onnx.ml: features, linear models, trees."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.registry import op
from firth.onnx.values import as_array, as_tensor
from firth.tensor import Tensor, where
from firth.tensor.record import apply

_DOMAIN = "ai.onnx.ml"


@op("ArrayFeatureExtractor", domain=_DOMAIN, foreign=True, host=(1,))
def array_feature_extractor(x: Any, places: np.ndarray) -> Any:
    """Columns of the last dimension."""
    if isinstance(x, np.ndarray):
        return np.take(x, places.reshape(-1), -1).reshape(*x.shape[:-1], -1)
    if x.ndim == 1:
        x = x.reshape(1, -1)
    return x.index_select(x.ndim - 1, as_tensor(places.reshape(-1).astype(np.int64)))


@op("Binarizer", domain=_DOMAIN)
def binarizer(x: Tensor, *, threshold: float = 0.0) -> Any:
    """1 above the threshold, 0 elsewhere."""
    return (x > threshold).to(x.dtype)


@op("Scaler", domain=_DOMAIN)
def scaler(x: Tensor, *, offset: list[float], scale: list[float]) -> Any:
    """(x - offset) * scale in float32."""
    return (x.float() - _row(offset)) * _row(scale)


def _row(values: list[float]) -> Any:
    return as_tensor(np.array(values, np.float32))


@op("Normalizer", domain=_DOMAIN)
def normalizer(x: Tensor, *, norm: str = "MAX") -> Any:
    """Rows over their largest magnitude (MAX), sum of magnitudes (L1) or length (L2)."""
    x = x.float()
    if norm == "MAX":
        size = x.abs().amax(-1, keepdim=True)
    elif norm == "L1":
        size = x.abs().sum(-1, keepdim=True)
    else:
        size = (x * x).sum(-1, keepdim=True).sqrt()
    return x / where(size == 0, 1, size)


@op("Imputer", domain=_DOMAIN)
def imputer(
    x: Tensor, *, imputed_value_floats: list[float] | None = None,
    imputed_value_int64s: list[int] | None = None, replaced_value_float: float = 0.0,
    replaced_value_int64: int = 0,
) -> Any:  # fmt: skip
    """One value (or NaN) replaced by another, one for each column or one for all."""
    if imputed_value_floats is not None:
        new = as_tensor(np.array(imputed_value_floats).astype(x.dtype.np))
        bad = x.isnan() if np.isnan(replaced_value_float) else x == replaced_value_float
        return where(bad, new, x)
    new = as_tensor(np.array(imputed_value_int64s).astype(x.dtype.np))
    return where(x == replaced_value_int64, new, x)


@op("FeatureVectorizer", domain=_DOMAIN)
def feature_vectorizer(*inputs: Tensor, inputdimensions: list[int] | None = None) -> Any:
    """Columns of all inputs beside each other, in float32."""
    rows = [x.float().reshape(x.shape[0], -1) for x in inputs]
    if inputdimensions:
        rows = [r[:, :n] for r, n in zip(rows, inputdimensions, strict=True)]
    return firth.cat(rows, 1)


@op("OneHotEncoder", domain=_DOMAIN, foreign=True)
def one_hot_encoder(
    x: Any, *, cats_int64s: list[int] | None = None, cats_strings: list[str] | None = None,
    zeros: int = 1,
) -> Any:  # fmt: skip
    """1 at the category of each element; zeros: unknown ones have none."""
    known: Any = cats_strings if cats_strings else cats_int64s
    array = as_array(x)
    out = (array[..., None] == np.array(known, array.dtype)).astype(np.float32)
    if not zeros and not out.any(-1).all():
        raise ArgumentError(
            message("OneHotEncoder", "an unknown category", str(array), str(known), "set zeros=1")
        )
    return as_tensor(out)


_KEYS = ("strings", "int64s", "floats", "tensor")
_UNKNOWN = {"strings": "_Unused", "int64s": -1, "floats": -0.0}
_KINDS = {"strings": object, "int64s": np.int64, "floats": np.float32}


@op("LabelEncoder", domain=_DOMAIN, foreign=True, host=(0,))
def label_encoder(x: np.ndarray, **attributes: Any) -> Any:
    """Keys replaced by their values, unknown ones by the default."""
    keys = next(attributes[f"keys_{k}"] for k in _KEYS if f"keys_{k}" in attributes)
    name = next(k for k in _KEYS if f"values_{k}" in attributes)
    values = attributes[f"values_{name}"]
    if name == "tensor":
        kind, default = values.dtype, attributes.get("default_tensor", np.zeros(1, values.dtype))
        default = default.reshape(-1)[0]
    else:
        singular = name.removesuffix("s")
        kind, default = _KINDS[name], attributes.get(f"default_{singular}", _UNKNOWN[name])
    table = dict(zip(np.asarray(keys).tolist(), np.asarray(values, kind).tolist(), strict=True))
    nan = next((v for k, v in table.items() if k != k), default)
    found = [nan if v != v else table.get(v, default) for v in x.reshape(-1).tolist()]
    return as_tensor(np.array(found, kind).reshape(x.shape))


# --- linear models --------------------------------------------------------------------------------


def transformed(scores: Tensor, name: str) -> Tensor:
    """Scores after one of the standard's transforms."""
    if name == "SOFTMAX":
        return scores.softmax(-1)
    if name == "LOGISTIC":
        return scores.sigmoid()
    if name == "SOFTMAX_ZERO":
        return where(scores == 0, 0, scores.softmax(-1))
    if name != "NONE":
        raise ArgumentError(
            message("onnx", "this post_transform is not there", name,
                    "NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO", "export without it")
        )  # fmt: skip
    return scores


@op("LinearRegressor", domain=_DOMAIN)
def linear_regressor(
    x: Tensor, *, coefficients: list[float], intercepts: list[float] | None = None,
    post_transform: str = "NONE", targets: int = 1,
) -> Any:  # fmt: skip
    """x times coefficients plus intercepts: (N, C) -> (N, targets)."""
    weight = _row(coefficients).reshape(targets, -1)
    y = x.float() @ weight.T
    return transformed(y if intercepts is None else y + _row(intercepts), post_transform)


@op("LinearClassifier", domain=_DOMAIN)
def linear_classifier(
    x: Tensor, *, coefficients: list[float], classlabels_ints: list[int] | None = None,
    classlabels_strings: list[str] | None = None, intercepts: list[float] | None = None,
    multi_class: int = 0, post_transform: str = "NONE",
) -> Any:  # fmt: skip
    """The best class and the scores of all."""
    labels: Any = classlabels_strings or classlabels_ints or []
    rows = len(intercepts) if intercepts else max(len(labels), 1)
    scores = x.float() @ _row(coefficients).reshape(rows, -1).T
    if intercepts:
        scores = scores + _row(intercepts)
    if scores.shape[1] == 1 and len(labels) == 2:
        scores = firth.cat([-scores, scores], 1)
    best = scores.argmax(1)
    if classlabels_strings:
        named: Any = np.array(classlabels_strings, object)[as_array(best)]
    else:
        named = apply("take", as_tensor(np.array(labels, np.int64)), best, axis=0)
    return named, transformed(scores, post_transform)


@op("ZipMap", domain=_DOMAIN, host=(0,))
def zip_map(
    x: np.ndarray, *, classlabels_int64s: list[int] | None = None,
    classlabels_strings: list[str] | None = None,
) -> Any:  # fmt: skip
    """Rows of scores as dicts by class."""
    names: Any = classlabels_strings or classlabels_int64s or []
    rows = x.reshape(-1, len(names)).tolist()
    return ([dict(zip(names, row, strict=True)) for row in rows],)
