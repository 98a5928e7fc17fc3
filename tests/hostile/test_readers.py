"""Readers of files: good ones are read, damaged ones end in a FirthError, a few at random here.

`make fuzz-readers` has atheris look for the bytes that matter.
"""

from __future__ import annotations

import os
import random

import pytest

from tests.hostile.readers import READERS, check, mutated

ROUNDS = int(os.environ.get("FIRTH_HOSTILE_FILES", "60"))
SEED = int(os.environ.get("FIRTH_HOSTILE_SEED", "0"))


@pytest.mark.parametrize("name", READERS)
def test_seeds_are_read(name: str) -> None:
    read, seeds = READERS[name]
    for seed in seeds():
        read(seed)


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_an_error(name: str) -> None:
    rng = random.Random(SEED)
    seeds = READERS[name][1]()
    for _ in range(ROUNDS):
        check(name, mutated(rng, rng.choice(seeds)))
