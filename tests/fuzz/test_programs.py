"""Random programs with views, writes, reads and gradients read the same on cpu as on ref."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

import firth
from firth.base import flags
from tests.fuzz.programs import run_program

COUNT = int(os.environ.get("FIRTH_FUZZ", "500")) // 4
START = int(os.environ.get("FIRTH_FUZZ_SEED", "0"))
CHUNK = 25


@pytest.fixture
def target() -> Iterator[None]:
    yield
    flags.put("FIRTH_TARGET", None)


def read(seed: int, dtype: firth.DType, target: str) -> list[np.ndarray]:
    flags.put("FIRTH_TARGET", target)
    with np.errstate(all="ignore"):
        return run_program(seed, dtype)


def check(seed: int) -> None:
    exact = read(seed, firth.float64, "ref")
    plain = read(seed, firth.float32, "ref")
    native = read(seed, firth.float32, "cpu")
    assert len(exact) == len(plain) == len(native)
    for place, (e, p, n) in enumerate(zip(exact, plain, native, strict=True)):
        assert e.shape == p.shape == n.shape
        if not e.size:
            continue
        scale = max(float(np.max(np.abs(e))), 1.0)
        if scale > 1e30:  # beyond float32 or nearly so
            continue
        own, found = float(np.max(np.abs(p - e))), float(np.max(np.abs(n - e)))
        assert found <= 4 * own + 1e-5 * scale, (
            f"seed {seed} value {place}: error {found:.3g}, ref's own is {own:.3g}, "
            f"values up to {scale:.3g}"
        )


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("first", range(START, START + COUNT, CHUNK))
def test_random_programs(first: int) -> None:
    for seed in range(first, min(first + CHUNK, START + COUNT)):
        try:
            check(seed)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
