"""Ensembles of decision trees, domain ai.onnx.ml, in the old form and in that of opset 5."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.ops.ml import transformed
from firth.onnx.registry import op
from firth.onnx.values import as_array, as_tensor
from firth.tensor import Tensor, where
from firth.tensor.record import apply

_DOMAIN = "ai.onnx.ml"
_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
_MEMBER = 6
_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


def _wrong(text: str, got: object, expected: str) -> ArgumentError:
    return ArgumentError(message("TreeEnsemble", text, str(got), expected, "export again"))


class _Trees:
    """All nodes of all trees under one numbering; leaves lead to themselves.

    table: what each leaf gives each target, NaN where nothing: (nodes, targets).
    """

    yes: np.ndarray
    no: np.ndarray
    feature: np.ndarray
    mode: np.ndarray
    split: np.ndarray
    tracks: np.ndarray
    leaf: np.ndarray
    roots: np.ndarray
    table: np.ndarray
    members: np.ndarray | None = None

    def check(self) -> int:
        """The most steps from a root to a leaf; ArgumentError where a tree has a circle."""
        for ways in (self.yes, self.no, self.roots):
            if len(ways) and (ways.min() < 0 or ways.max() >= len(self.leaf)):
                raise _wrong("a node leads nowhere", ways.max(), f"below {len(self.leaf)}")
        level, depth = np.unique(self.roots), 0
        while len(level := level[~self.leaf[level]]):
            level = np.unique(np.concatenate([self.yes[level], self.no[level]]))
            depth += 1
            if depth > len(self.leaf):
                raise _wrong("a tree leads back to itself", "a circle", "a tree")
        return depth

    def leaves(self, x: Tensor) -> Tensor:
        """The leaf of each tree for each row: (N, F) -> (N, trees)."""
        state = as_tensor(self.roots).unsqueeze(0).expand(x.shape[0], len(self.roots))
        for _ in range(self.check()):
            yes = self._goes_yes(x, state)
            state = where(yes, _at(self.yes, state), _at(self.no, state))
        return state

    def _goes_yes(self, x: Tensor, state: Tensor) -> Tensor:
        value = firth.gather(x, 1, _at(self.feature, state))
        split = _at(self.split, state).to(x.dtype)
        mode = _at(self.mode, state)
        tests = (value <= split, value < split, value >= split, value > split, value == split,
                 value != split)  # fmt: skip
        out = tests[0]
        for number in set(self.mode[~self.leaf].tolist()) - {0, _MEMBER}:
            out = where(mode == number, tests[number], out)
        if self.members is not None:
            inside = (value.unsqueeze(-1) == _at(self.members, state).to(x.dtype)).any(-1)
            out = where(mode == _MEMBER, inside, out)
        return out | (value.isnan() & _at(self.tracks, state)) if self.tracks.any() else out

    def answer(self, x: Tensor, how: str) -> Tensor:
        """What the leaves of a row give each target, together: (N, F) -> (N, targets)."""
        found = self.leaves(x)
        given = ~np.isnan(self.table)
        neutral = 0.0
        if how in ("MIN", "MAX"):
            neutral = float(firth.finfo(x.dtype).max) * (1 if how == "MIN" else -1)
        table = np.where(given, self.table, neutral).astype(x.dtype.np)
        parts = _at(table, found)  # (N, trees, targets)
        if how in ("MIN", "MAX"):
            return parts.amin(1) if how == "MIN" else parts.amax(1)
        return parts.sum(1) / (len(self.roots) if how == "AVERAGE" else 1)


def _at(array: np.ndarray, places: Tensor) -> Tensor:
    """Rows of an array at places that a tensor holds."""
    return apply("take", as_tensor(array), places, axis=0)


def _numbers(values: Any) -> np.ndarray:
    return np.array(values, np.int64)


# --- opset 5: leaves are apart from nodes ---------------------------------------------------------


def _new_form(a: dict[str, Any], targets: int) -> _Trees:
    n, leaves = len(a["nodes_featureids"]), len(a["leaf_weights"])
    own, rest = np.arange(n, n + leaves), np.zeros(leaves, np.int64)
    t = _Trees()
    ways = []
    for which in ("true", "false"):
        ids, leaf = _numbers(a[f"nodes_{which}nodeids"]), _numbers(a[f"nodes_{which}leafs"]) != 0
        if (ids < 0).any() or (ids[~leaf] >= n).any():
            raise _wrong("a node leads nowhere", ids, f"below {n}")
        ways.append(np.concatenate([ids + n * leaf, own]))
    t.yes, t.no = ways
    t.feature = np.concatenate([_numbers(a["nodes_featureids"]), rest])
    t.mode = np.concatenate([a["nodes_modes"].astype(np.int64), rest])
    t.split = np.concatenate([a["nodes_splits"], rest.astype(a["nodes_splits"].dtype)])
    tracks = a.get("nodes_missing_value_tracks_true") or [0] * n
    t.tracks = np.concatenate([_numbers(tracks), rest]) != 0
    t.leaf = np.arange(n + leaves) >= n
    roots = _numbers(a["tree_roots"])
    alone = (t.yes[roots] == t.no[roots]) & (t.yes[roots] >= n)
    t.roots = np.where(alone, t.yes[roots], roots)
    t.table = np.full((n + leaves, targets), np.nan)
    t.table[own, _numbers(a["leaf_targetids"])] = a["leaf_weights"]
    t.members = _member_sets(a.get("membership_values"), t.mode[:n], n + leaves)
    return t


def _member_sets(values: np.ndarray | None, modes: np.ndarray, count: int) -> np.ndarray | None:
    """What each membership node looks for, filled up with NaN: (nodes, most)."""
    nodes = np.flatnonzero(modes == _MEMBER)
    if not len(nodes):
        return None
    ends = np.flatnonzero(np.isnan(values)) if values is not None else nodes[:0]
    if values is None or len(ends) != len(nodes):
        raise _wrong("membership_values do not fit", len(ends), f"a list for each of {len(nodes)}")
    lists = np.split(values, ends + 1)
    out = np.full((count, max(len(part) for part in lists)), np.nan, values.dtype)
    for node, part in zip(nodes, lists, strict=False):
        out[node, : len(part)] = part
    return out


@op("TreeEnsemble", domain=_DOMAIN)
def tree_ensemble(
    x: Tensor, *, n_targets: int = 1, aggregate_function: int = 1, post_transform: int = 0,
    **attributes: Any,
) -> Any:  # fmt: skip
    """Every tree's leaf for each row, put together by target: (N, F) -> (N, n_targets)."""
    trees = _new_form(attributes, n_targets)
    return transformed(
        trees.answer(x, _AGGREGATES[aggregate_function]), _TRANSFORMS[post_transform]
    )


# --- before: nodes by the numbers of their trees --------------------------------------------------


def _old_form(a: dict[str, Any], kind: str, targets: int) -> _Trees:
    keys = list(zip(a["nodes_treeids"], a["nodes_nodeids"], strict=True))
    number = {key: i for i, key in enumerate(keys)}
    t = _Trees()
    t.leaf = np.array([m == "LEAF" for m in a["nodes_modes"]])
    ways = []
    for which in ("true", "false"):
        ids = a[f"nodes_{which}nodeids"]
        ways.append(_numbers([
            i if t.leaf[i] else number.get((tree, child), -1)
            for i, ((tree, _), child) in enumerate(zip(keys, ids, strict=True))
        ]))  # fmt: skip
    t.yes, t.no = ways
    t.feature = np.where(t.leaf, 0, _numbers(a["nodes_featureids"]))
    t.mode = _numbers([_MODES.index(m) if m != "LEAF" else 0 for m in a["nodes_modes"]])
    t.split = _floats(a, "nodes_values")
    tracks = a.get("nodes_missing_value_tracks_true") or [0] * len(keys)
    t.tracks = _numbers(tracks) != 0
    inner = ~t.leaf
    below = set(t.yes[inner].tolist()) | set(t.no[inner].tolist())
    t.roots = _numbers([i for i in range(len(keys)) if i not in below])
    t.table = np.full((len(keys), targets), np.nan)
    rows = zip(
        a[f"{kind}_treeids"], a[f"{kind}_nodeids"], a[f"{kind}_ids"], _floats(a, f"{kind}_weights"),
        strict=True,
    )  # fmt: skip
    for tree, node, target, weight in rows:
        spot = number[tree, node], target
        t.table[spot] = weight + (0 if np.isnan(t.table[spot]) else t.table[spot])
    return t


def _floats(a: dict[str, Any], name: str) -> np.ndarray:
    """An attribute that may be a tensor, or a list of floats."""
    tensor = a.get(f"{name}_as_tensor")
    return np.array(a.get(name, []), np.float32) if tensor is None else tensor


def _based(scores: Tensor, a: dict[str, Any]) -> Tensor:
    base = _floats(a, "base_values")
    return scores if not base.size else scores + as_tensor(base.astype(scores.dtype.np))


@op("TreeEnsembleRegressor", domain=_DOMAIN)
def tree_ensemble_regressor(
    x: Tensor, *, n_targets: int = 1, aggregate_function: str = "SUM",
    post_transform: str = "NONE", **attributes: Any,
) -> Any:  # fmt: skip
    """TreeEnsemble as it was before opset 5: (N, F) -> (N, n_targets)."""
    x = x if x.dtype.kind == "f" else x.float()
    trees = _old_form(attributes, "target", n_targets)
    return transformed(_based(trees.answer(x, aggregate_function), attributes), post_transform)


@op("TreeEnsembleClassifier", domain=_DOMAIN)
def tree_ensemble_classifier(
    x: Tensor, *, classlabels_int64s: list[int] | None = None,
    classlabels_strings: list[str] | None = None, post_transform: str = "NONE", **attributes: Any,
) -> Any:  # fmt: skip
    """The best class and the scores of all: (N, F) -> (N), (N, classes)."""
    x = x if x.dtype.kind == "f" else x.float()
    labels: Any = classlabels_strings or classlabels_int64s or []
    scores = _old_form(attributes, "class", len(labels)).answer(x, "SUM").float()
    scores = _based(scores, attributes)
    if len(set(attributes["class_ids"])) == 1 and len(labels) == 2:  # one score for two classes
        one = scores[:, attributes["class_ids"][0]]
        other = 1 - one if post_transform in ("NONE", "PROBIT") else -one
        scores = firth.stack([other, one], 1)
    scores = transformed(scores, post_transform)
    best = scores.argmax(1)
    if classlabels_strings:
        return np.array(classlabels_strings, object)[as_array(best)], scores
    return _at(_numbers(labels), best), scores
