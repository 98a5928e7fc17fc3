"""Text, as NumPy arrays of Python strings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from firth.onnx.registry import op
from firth.onnx.values import as_tensor


def _map(rule: Any, *arrays: np.ndarray) -> np.ndarray:
    wide = np.broadcast_arrays(*arrays)
    flat = [rule(*row) for row in zip(*(a.reshape(-1) for a in wide), strict=True)]
    out = np.empty(len(flat), object)
    out[:] = flat
    return out.reshape(wide[0].shape)


@op("StringConcat", foreign=True, host=(-1,))
def string_concat(a: np.ndarray, b: np.ndarray) -> Any:
    """One text behind the other."""
    return _map(lambda x, y: str(x) + str(y), a, b)


@op("StringSplit", foreign=True, host=(-1,))
def string_split(
    x: np.ndarray, *, delimiter: str | None = None, maxsplit: int | None = None
) -> Any:
    """Texts cut at a delimiter (at spaces without one), filled up with "", and their counts."""
    most = -1 if maxsplit is None else maxsplit
    parts = [str(v).split(delimiter or None, most) for v in x.reshape(-1)]
    width = max((len(p) for p in parts), default=0)
    out = np.full((len(parts), width), "", object)
    for row, found in zip(out, parts, strict=True):
        row[: len(found)] = found
    counts = np.array([len(p) for p in parts], np.int64).reshape(x.shape)
    return out.reshape(*x.shape, width), counts


@op("RegexFullMatch", foreign=True, host=(-1,))
def regex_full_match(x: np.ndarray, *, pattern: str) -> Any:
    """Whether each whole text matches a pattern."""
    compiled = re.compile(pattern)
    return _map(lambda v: compiled.fullmatch(str(v)) is not None, x).astype(np.bool_)


@op("StringNormalizer", foreign=True, host=(-1,))
def string_normalizer(
    x: np.ndarray, *, case_change_action: str = "NONE", is_case_sensitive: int = 0,
    locale: str | None = None, stopwords: list[str] | None = None,
) -> Any:  # fmt: skip
    """Texts without stop words, in lower or upper case: (n) or (1, n); [""] where none remain."""
    stops = set(stopwords or [])
    if not is_case_sensitive:
        stops = {s.lower() for s in stops}
    change = {"LOWER": str.lower, "UPPER": str.upper}.get(case_change_action, str)
    kept = [str(v) for v in x.reshape(-1)
            if (str(v) if is_case_sensitive else str(v).lower()) not in stops]  # fmt: skip
    out = np.array([change(v) for v in kept] or [""], object)
    return out.reshape(1, -1) if x.ndim == 2 else out


@op("TfIdfVectorizer", foreign=True, host=(-1,))
def tfidf_vectorizer(
    x: np.ndarray, *, max_gram_length: int, max_skip_count: int, min_gram_length: int, mode: str,
    ngram_counts: list[int], ngram_indexes: list[int], pool_int64s: list[int] | None = None,
    pool_strings: list[str] | None = None, weights: list[float] | None = None,
) -> Any:  # fmt: skip
    """How often the n-grams of a pool occur, counted (TF), weighted (TFIDF) or either (IDF)."""
    places = _grams(pool_strings or pool_int64s or [], ngram_counts)
    rows = x.reshape(1, -1) if x.ndim < 2 else x
    out = np.zeros((len(rows), max(ngram_indexes, default=-1) + 1), np.float32)
    for row, counts in zip(rows.tolist(), out, strict=True):
        for n in range(min_gram_length, max_gram_length + 1):
            for skip in range(max_skip_count + 1 if n > 1 else 1):
                step = skip + 1
                for i in range(len(row) - (n - 1) * step):
                    found = places.get(tuple(row[i : i + (n - 1) * step + 1 : step]))
                    if found is not None:
                        counts[ngram_indexes[found]] += 1
    if mode != "TF":
        factor = np.ones(out.shape[1], np.float32)
        for place, weight in zip(ngram_indexes, weights or [], strict=False):
            factor[place] = weight
        out = (out if mode == "TFIDF" else (out > 0)) * factor
    out = out.astype(np.float32)
    return as_tensor(out[0] if x.ndim < 2 else out)


def _grams(pool: list[Any], starts: list[int]) -> dict[tuple[Any, ...], int]:
    """The number of each n-gram of a pool: those of one length begin at each start."""
    found: dict[tuple[Any, ...], int] = {}
    number = 0
    ends = [*starts[1:], len(pool)]
    for n, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        for i in range(start, end, n):
            found[tuple(pool[i : i + n])] = number
            number += 1
    return found
