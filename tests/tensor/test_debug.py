"""FIRTH_DEBUG: each word prints what it says, and nothing else."""

from __future__ import annotations

import pytest

import firth
from firth.base import flags

SIGNS = {
    "graph": "matmul(%",
    "kernels": "kernel ",
    "time": "stage ",
    "memory": "scratch of a thread",
    "asm": ".text",
}


@pytest.mark.parametrize("word", [*SIGNS, "verify", "kernels,memory"])
def test_a_word_prints_what_it_says(word, capfd, tmp_path):
    flags.put("FIRTH_CACHE", str(tmp_path))
    flags.put("FIRTH_DEBUG", word)
    try:
        x = firth.ones(5 + len(word), 7)
        (x @ x.t()).tan().sum().item() if word == "asm" else (x @ x.t()).sum().item()
    finally:
        flags.put("FIRTH_DEBUG", None)
        flags.put("FIRTH_CACHE", None)
    printed = capfd.readouterr().err
    for name, sign in SIGNS.items():
        assert (sign in printed) == (name in word.split(",")), (name, printed)


def test_kernels_shows_tiles_bytes_and_flops_once_and_what_ran_each_time(capfd):
    @firth.jit
    def product(x):
        return x @ x

    flags.put("FIRTH_DEBUG", "kernels")
    try:
        x = firth.full((8, 8), 2.0)
        x.numpy()
        capfd.readouterr()
        for _ in range(3):
            product(x)
    finally:
        flags.put("FIRTH_DEBUG", None)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].split() == ["kernel", "tiles", "bytes", "flops"]
    assert lines[1].split() == ["contract", "1", "512", "1,024"]
    assert lines[2:] == ["ran contract"] * 3
