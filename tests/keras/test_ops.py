"""`keras.ops` against Keras."""

from __future__ import annotations

import numpy as np
import pytest

from firth.keras import ops
from tests.keras import peer

X = peer.array(2, 3, 4, low=0.1, high=0.9)
CASES = [
    *(
        (name, (X,), {})
        for name in ("exp", "log", "sqrt", "arctan", "erf", "round", "sigmoid", "softmax")
    ),
    *((name, (X, X[:, :1]), {}) for name in ("add", "divide", "power", "maximum", "less", "mod")),
    *(
        (name, (X,), {"axis": (0, 2), "keepdims": True})
        for name in ("sum", "mean", "max", "var", "std")
    ),
    ("prod", (X,), {"axis": (1, 2)}),
    ("argmax", (X,), {"axis": 1}),
    ("any", (X > 0.8,), {}),
    ("clip", (X, 0.3, 0.6), {}),
    ("transpose", (X,), {}),
    ("reshape", (X, (4, -1)), {}),
    ("take", (X, np.array([[0, 2], [1, 1]])), {"axis": 1}),
    ("one_hot", (np.array([0, 2]), 3), {}),
    ("einsum", ("bij,bkj->bik", X, X), {}),
    ("expand_dims", (X, 1), {}),
    ("cumsum", (X,), {"axis": 1}),
    ("norm", (X,), {"axis": -1}),
    ("where", (X > 0.5, X, 0.0), {}),
    ("concatenate", ([X, X],), {"axis": 1}),
    ("stack", ([X, X],), {}),
    ("split", (X, 2), {"axis": 2}),
    ("split", (X, [1, 2]), {"axis": 2}),
]


@pytest.mark.parametrize(("name", "args", "options"), CASES, ids=[c[0] for c in CASES])
def test_as_keras(name, args, options):
    got = peer.numbers(getattr(ops, name)(*args, **options))
    expected = peer.numbers(getattr(peer.keras.ops, name)(*args, **options))
    rows = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    for a, b in rows:
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
