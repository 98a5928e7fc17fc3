"""firth.data.digits."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import firth


def test_parts_share_no_image_and_hold_every_digit() -> None:
    pytest.importorskip("sklearn")
    train, test = firth.data.digits(True, 3), firth.data.digits(False, 3)
    images, labels = (t.numpy() for t in test.tensors)
    assert len(train) + len(test) == 1797
    assert images.shape[1:] == (1, 8, 8)
    assert images.dtype == np.float32
    assert labels.dtype == np.int64
    assert images.min() == 0.0 and images.max() == 1.0
    shares = np.bincount(labels, minlength=10) / np.bincount(
        np.concatenate([labels, train.tensors[1].numpy()]), minlength=10
    )
    assert (abs(shares - 0.2) < 0.01).all()
    again = firth.data.digits(False, 3)
    assert np.array_equal(again.tensors[0].numpy(), images)
    assert not np.array_equal(firth.data.digits(False, 4).tensors[1].numpy(), labels)


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"firth\[vision\]"):
        firth.data.digits()
