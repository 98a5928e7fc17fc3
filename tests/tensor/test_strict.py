from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import firth
from firth.base import flags


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    flags.put("FIRTH_STRICT", None)


def test_the_switch() -> None:
    assert not firth.is_strict()
    firth.set_strict(True)
    assert firth.is_strict()
    firth.set_strict(False)
    assert not firth.is_strict()


def test_jitted_functions_and_eager_code_follow_it() -> None:
    """A sum in order rounds otherwise than one of many lanes."""
    values = np.random.default_rng(0).standard_normal((3, 1999)).astype(np.float32)
    x = firth.from_numpy(values)
    total = firth.jit(lambda x: x.sum(1))
    wide = total(x).numpy()
    firth.set_strict(True)
    in_order = [total(x).numpy(), x.sum(1).numpy()]
    expected = np.zeros(3, np.float32)
    for column in values.T:
        expected += column
    for found in in_order:
        np.testing.assert_array_equal(found, expected)
    firth.set_strict(False)
    np.testing.assert_array_equal(total(x).numpy(), wide)
    assert (wide != expected).any()
    assert "the target or a flag changed" in total.misses[-1]
