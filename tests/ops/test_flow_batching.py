"""Loops and branches of many examples, against a loop over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth

X = np.random.default_rng(0).standard_normal((3, 4, 2))


def _scan_rows(x: Any) -> Any:
    """The second result is the same for every example; the carry becomes batched on the way."""
    carry = (firth.zeros(2, dtype=firth.float64), firth.zeros((), dtype=firth.float64))
    return firth.scan(lambda c, r: ((c[0] + r * c[1], c[1] + 1), (c[0], c[1] * 2)), carry, x)


CASES: dict[str, Any] = {
    "scan": _scan_rows,
    "scan back": lambda x: firth.scan(lambda c, r: (c * r, c), firth.ones(2).double(), x,
                                      reverse=True),
    "while": lambda x: firth.while_loop(lambda c: (c[0] * c[0]).sum() < 50,
                                        lambda c: (c[0] * 1.5 + 1, c[1] + 1), (x[0], 0)),
    "while together": lambda x: firth.while_loop(lambda c: c[1] < 3,
                                                 lambda c: (c[0] * x[1], c[1] + 1), (x[0], 0)),
    "cond": lambda x: firth.cond(x.sum() > 0, lambda a: a * 2, lambda a: a.exp(), x),
    "cond for all": lambda x: firth.cond(firth.tensor(True), lambda a: a * 2, lambda a: a, x),
    "switch": lambda x: firth.switch((x[0, 0] * 3).floor().long(), [lambda a: a, lambda a: a * 2,
                                     lambda a: a * a], x),
    "loop in a branch": lambda x: firth.cond(x.sum() > 0, _scan_rows, _scan_rows, x),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_batch_is_a_loop(name: str) -> None:
    f, xs = CASES[name], firth.from_numpy(X)
    together = _flat(firth.vmap(f)(xs))
    rows = [_flat(f(xs[i])) for i in range(len(X))]
    for k, found in enumerate(together):
        expected = np.stack([row[k] for row in rows])
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def _flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, tuple):
        return [v for each in value for v in _flat(each)]
    return [value.numpy()]
