"""SciPy's functions on Firth tensors, which it handles through the array API standard."""

from __future__ import annotations

import pytest
from scipy import fft, special, stats

from tests.conformance.dispatch.data import POSITIVE, X, Y, ours, same


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_over_rows(name: str) -> None:
    function = getattr(special, name)
    same(function(ours(X), axis=1), function(X, axis=1))


@pytest.mark.parametrize("name", ["erf", "expit", "gammaln", "ndtr", "log_ndtr", "logit", "entr"])
def test_special(name: str) -> None:
    function = getattr(special, name)
    same(function(ours(POSITIVE)), function(POSITIVE))


@pytest.mark.parametrize("name", ["zscore", "skew", "kurtosis", "sem", "gmean", "variation"])
def test_statistics(name: str) -> None:
    function = getattr(stats, name)
    same(function(ours(POSITIVE)), function(POSITIVE))


def test_tests() -> None:
    for found, wanted in (
        (stats.pearsonr(ours(X[:, 0]), ours(Y)), stats.pearsonr(X[:, 0], Y)),
        (stats.ttest_1samp(ours(X), 0.0), stats.ttest_1samp(X, 0.0)),
    ):
        same(found.statistic, wanted.statistic)
        same(found.pvalue, wanted.pvalue)


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "fftn"])
def test_transforms(name: str) -> None:
    function = getattr(fft, name)
    same(function(ours(X)), function(X))
