"""CTC against a sum over all alignments."""

import itertools

import numpy as np
import pytest

from firth.base.errors import IndexOutOfRange
from firth.ops.ctc import ctc_gradient, ctc_loss


def _collapsed(path, blank=0):
    return [k for k, _ in itertools.groupby(path) if k != blank]


def test_every_alignment_counts():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((4, 1, 3))
    scores -= np.log(np.exp(scores).sum(-1, keepdims=True))
    for target in ([1, 2], [1, 1], [2], []):
        total = sum(
            np.exp(sum(scores[t, 0, c] for t, c in enumerate(path)))
            for path in itertools.product(range(3), repeat=4)
            if _collapsed(path) == target
        )
        padded = np.array([target + [0] * (2 - len(target))])
        found = ctc_loss.ref(scores, padded, np.array([4]), np.array([len(target)]), blank=0,
                             zero_infinity=False)  # fmt: skip
        assert found[0] == pytest.approx(-np.log(total))


def test_a_target_that_is_too_long():
    scores = np.log(np.full((1, 1, 2), 0.5))
    args = (scores, np.array([[1, 1]]), np.array([1]), np.array([2]))
    assert ctc_loss.ref(*args, blank=0, zero_infinity=False)[0] == np.inf
    assert ctc_loss.ref(*args, blank=0, zero_infinity=True)[0] == 0
    assert not ctc_gradient.ref(*args, blank=0, zero_infinity=True).any()


def test_classes_outside():
    scores = np.zeros((2, 1, 2))
    with pytest.raises(IndexOutOfRange, match="a class is out of range"):
        ctc_loss.ref(scores, np.array([[5]]), np.array([2]), np.array([1]), blank=0,
                     zero_infinity=False)  # fmt: skip
