"""Real handwritten digits, small enough to come with scikit-learn (extra `vision`)."""

from __future__ import annotations

import numpy as np

from firth.base.errors import FirthError, message
from firth.data.dataset import TensorDataset
from firth.data.sampler import permutation
from firth.tensor import from_numpy


class MissingExtra(FirthError, ImportError):
    """A package that only an extra installs."""


def digits(train: bool = True, seed: int = 0, test_share: float = 0.2) -> TensorDataset:
    """1797 scanned digits (Alpaydin and Kaynak, 1998): images (N, 1, 8, 8) float32, labels (N,).

    Pixels are between 0 and 1. train chooses the part; the parts share no image, hold the same
    share of every digit, and depend on `seed` alone. MissingExtra without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtra(
            message(
                "digits",
                "the images come with scikit-learn",
                "no module sklearn",
                "scikit-learn",
                "pip install 'firth[vision]'",
            )  # fmt: skip
        ) from error
    raw = load_digits()
    images = (raw.images / 16.0).astype(np.float32)[:, None]  # (1797, 1, 8, 8)
    labels = raw.target.astype(np.int64)
    held_out = np.zeros(len(labels), bool)
    for digit in range(10):
        places = np.flatnonzero(labels == digit)
        count = round(len(places) * test_share)
        held_out[places[permutation(len(places), seed, digit)[:count]]] = True
    chosen = permutation(len(labels), seed, 10)
    chosen = chosen[held_out[chosen] != train]
    return TensorDataset(from_numpy(images[chosen]), from_numpy(labels[chosen]))
