"""Why a jitted function was recorded again, in words."""

from __future__ import annotations

import pytest

import firth
from firth.base.errors import RecordingError


def misses_of(*calls):
    @firth.jit
    def twice(x, factor=2):
        return x * factor

    for args in calls:
        twice(*args)
    return twice.misses


def test_the_argument_that_changed_is_named():
    found = misses_of((firth.ones(3),), (firth.ones(4),), (firth.ones(4), 5))
    assert len(found) == 3
    assert "argument 0 changed from float32[3] to float32[4]" in found[1]


def test_a_dtype_is_part_of_it():
    found = misses_of((firth.ones(3),), (firth.ones(3, dtype=firth.float64),))
    assert "float32[3] to float64[3]" in found[1]


def test_gradient_mode_is_part_of_it():
    @firth.jit
    def twice(x):
        return x * 2

    x = firth.ones(3)
    twice(x)
    with firth.no_grad():
        twice(x)
    assert "gradient mode changed" in twice.misses[-1]


def test_a_function_that_does_something_else_is_told_the_line():
    hidden = iter(range(100))

    class Sneaky:
        def __len__(self):
            return next(hidden)

    sneaky = Sneaky()

    @firth.jit
    def step(x):
        return x + 1 if len(sneaky) < 1 else x * 3

    x = firth.ones(3)
    with pytest.raises(RecordingError, match=r"another operation at .*test_why.py"):
        for _ in range(8):
            step(x)
