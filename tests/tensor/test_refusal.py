"""Clocks, files and other libraries' random numbers are refused inside jit."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from firth.base.errors import RecordingError
from firth.tensor.refusal import check_builtin, check_source, random_states


@pytest.mark.parametrize(
    "value",
    [time.time, random.random, np.random, np.random.default_rng(0), random.Random(0).random],
    ids=["time", "random", "np.random", "a generator", "a method of one"],
)
def test_what_differs_each_time_is_refused_with_the_line(value):
    with pytest.raises(RecordingError, match=r"(?s)value each time.*user.py:3"):
        check_source(value, "it", "user.py:3")


@pytest.mark.parametrize("value", [3, len, np.ones(2), time, "text", np.sqrt])
def test_everything_else_may_be_read(value):
    check_source(value, "it", "user.py:3")


def test_files_are_refused():
    with pytest.raises(RecordingError, match=r"(?s)open\(\) reads from outside.*user.py:3"):
        check_builtin("open", "user.py:3")
    check_builtin("len", "user.py:3")


@pytest.mark.parametrize("draw", [np.random.rand, random.random], ids=["numpy", "python"])
def test_a_draw_changes_the_states(draw):
    before = random_states()
    assert random_states() == before
    draw()
    assert random_states() != before
