"""Patterns against the einops package, on NumPy arrays."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth import einops
from firth.base.errors import FirthError

theirs = pytest.importorskip("einops")

X = np.arange(2 * 6 * 4 * 3, dtype=np.float64).reshape(2, 6, 4, 3)
REARRANGE = [
    ("a b c d -> d c b a", {}),
    ("a (b1 b2) c d -> (a b1) (b2 c d)", {"b1": 2}),
    ("a ... d -> d ... a", {}),
    ("a ... -> a (...)", {}),
    ("... -> (...)", {}),
    ("a b c d -> a 1 b c () (d)", {}),
    ("a (b1 b2 b3) ... -> b2 (b3 ...) b1 a", {"b1": 1, "b2": 3}),
    ("  a b   c d->b (a d)c ", {}),
]
REDUCE = [
    ("a b c d -> b", {}),
    ("a (b 2) (c 2) d -> a b c d", {}),
    ("a ... -> a", {}),
    ("a b c d ->", {}),
    ("a (b1 b2) ... -> b2 1 ...", {"b2": 3}),
    ("a b c d -> a b c d", {}),
]
REPEAT = [
    ("a b c d -> a b c d 2", {}),
    ("a b c d -> (a 2) b (c r) d", {"r": 3}),
    ("a ... -> r (... 2) a", {"r": 2}),
]
WRONG = [
    ("rearrange", "a b c -> c b a", {}, "4 dimensions"),
    ("rearrange", "a b c d -> a b c", {}, "only on the left: d"),
    ("rearrange", "a b c d -> a b c d e", {}, "only on the right: e"),
    ("rearrange", "a (b q) c d -> a b q c d", {}, "lengths of b, q are not known"),
    ("rearrange", "a (b q) c d -> a b q c d", {"q": 4}, r"dimension 1 is not \(b q\)"),
    ("rearrange", "a b c d -> a b c d", {"q": 4}, "not there: q"),
    ("rearrange", "a a c d -> a c d", {}, "'a' stands twice"),
    ("rearrange", "a b (c d -> a b c d", {}, "not closed"),
    ("rearrange", "a (b (c)) d -> a b c d", {}, "brackets inside"),
    ("rearrange", "a b c) d -> a b c d", {}, "was not opened"),
    ("rearrange", "a b . d -> a b d", {}, "is no axis"),
    ("rearrange", "a b c- d -> a b d c-", {}, "no name of an axis"),
    ("rearrange", "a b c d", {}, "not one '->'"),
    ("rearrange", "a 2 c d -> a c d 2", {}, "only on the left: a number"),
    ("rearrange", "(...) -> ...", {}, "brackets on the left"),
    ("rearrange", "a b c d -> ...", {}, "only on the right"),
    ("rearrange", "a (b q) c d -> a b q c d", {"q": -2}, "no count"),
    ("rearrange", "a (b q) c d -> a b q c d", {"q": 0}, "dimension 1"),
    ("repeat", "a b c d -> a b c d e", {}, "without a length: e"),
    ("repeat", "a b c d -> a b c", {}, "only on the left: d"),
]


def same(mine: firth.Tensor, right: np.ndarray) -> None:
    assert tuple(mine.shape) == right.shape
    np.testing.assert_allclose(mine.numpy(), right)


@pytest.mark.parametrize("pattern, lengths", REARRANGE)
def test_rearrange(pattern, lengths):
    same(einops.rearrange(firth.tensor(X), pattern, **lengths),
         theirs.rearrange(X, pattern, **lengths))  # fmt: skip


@pytest.mark.parametrize("pattern, lengths", REDUCE)
@pytest.mark.parametrize("reduction", ["min", "max", "sum", "mean", "prod"])
def test_reduce(pattern, lengths, reduction):
    x = X / 40
    same(einops.reduce(firth.tensor(x), pattern, reduction, **lengths),
         theirs.reduce(x, pattern, reduction, **lengths))  # fmt: skip


@pytest.mark.parametrize("pattern, lengths", REPEAT)
def test_repeat(pattern, lengths):
    same(einops.repeat(firth.tensor(X), pattern, **lengths),
         theirs.repeat(X, pattern, **lengths))  # fmt: skip


def test_truth_functions_and_lists():
    x = firth.tensor([[True, False], [True, True]])
    assert einops.reduce(x, "a b -> a", "all").tolist() == [False, True]
    assert einops.reduce(x, "a b -> b", "any").tolist() == [True, True]
    spread = einops.reduce(firth.tensor(X), "a ... -> ...", lambda t, axes: t.std(axes))
    same(spread, X.std(0, ddof=1))
    rows = [firth.tensor(X[0]), firth.tensor(X[1])]
    same(einops.rearrange(rows, "b ... -> ... b"), np.moveaxis(X, 0, -1))


@pytest.mark.parametrize("name, pattern, lengths, words", WRONG)
def test_what_is_refused(name, pattern, lengths, words):
    with pytest.raises((theirs.EinopsError, ValueError, ZeroDivisionError)):
        getattr(theirs, name)(X, pattern, **lengths)
    with pytest.raises(FirthError, match=f"{name}: .*{words}"):
        getattr(einops, name)(firth.tensor(X), pattern, **lengths)


def test_other_bad_arguments():
    with pytest.raises(FirthError, match="reduce: no such reduction"):
        einops.reduce(firth.tensor(X), "a ... -> ...", "average")
    with pytest.raises(FirthError, match="reduce: only on the right: e"):
        einops.reduce(firth.tensor(X), "a ... -> e", "sum")
    with pytest.raises(FirthError, match="rearrange: not a tensor; got ndarray"):
        einops.rearrange(X, "... -> (...)")
    with pytest.raises(FirthError, match="rearrange: an empty list"):
        einops.rearrange([], "... -> (...)")


def test_compiled_and_differentiated():
    @firth.jit
    def patches(x):
        return einops.reduce(x, "a (b 2) (c 2) d -> d (b c) a", "sum")

    x = firth.tensor(X, requires_grad=True)
    (einops.reduce(x, "a (b 2) (c 2) d -> d (b c) a", "sum") * 3).sum().backward()
    same(patches(x).detach(), theirs.reduce(X, "a (b 2) (c 2) d -> d (b c) a", "sum"))
    assert (x.grad == 3).all()


def test_parse_shape():
    x = firth.zeros(2, 3, 4)
    assert einops.parse_shape(x, "a _ b") == {"a": 2, "b": 4}
    assert einops.parse_shape(x, "a ...") == {"a": 2}
    assert einops.parse_shape(x, "a 3 _") == {"a": 2}
    for pattern in ("a b", "a 4 _"):
        with pytest.raises(FirthError, match="parse_shape: "):
            einops.parse_shape(x, pattern)


def test_einsum():
    a, b = X[0], X[1, :, :, 0]
    pattern = "row ... d, row ... -> ... d"
    same(einops.einsum(firth.tensor(a), firth.tensor(b), pattern), theirs.einsum(a, b, pattern))
    with pytest.raises(FirthError, match="einsum: brackets or numbers"):
        einops.einsum(firth.tensor(a), "(a b) c d -> d")
