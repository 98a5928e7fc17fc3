"""Random programs with views, writes, reads and gradients read the same on cpu as on ref."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import firth
from firth import targets
from firth.base import flags
from firth.ir.graph import Graph
from firth.passes.lower import lower
from firth.targets.ref import target as ref
from tests.fuzz.programs import run_program

COUNT = int(os.environ.get("FIRTH_FUZZ", "500")) // 4
START = int(os.environ.get("FIRTH_FUZZ_SEED", "0"))
CHUNK = 25


@pytest.fixture(autouse=True)
def target() -> Iterator[None]:
    yield
    flags.put("FIRTH_TARGET", None)


def _enter_target(name: str, compile_graph: Callable[[Graph], targets.Executable]) -> None:
    """A target of this test alone."""
    module = types.ModuleType(f"firth.targets.{name}.target")
    module.compile = compile_graph  # type: ignore[attr-defined]
    sys.modules[f"firth.targets.{name}"] = types.ModuleType(f"firth.targets.{name}")
    sys.modules[module.__name__] = module
    if name not in targets.NAMES:
        targets.NAMES = (*targets.NAMES, name)


# ref rounds once an op: composed ops as one, and here as the base ops they consist of.
_enter_target("ref_on_base_ops", lambda graph: ref.compile(lower(graph)))


def read(seed: int, dtype: firth.DType, target: str) -> list[np.ndarray]:
    flags.put("FIRTH_TARGET", target)
    with np.errstate(all="ignore"):
        return run_program(seed, dtype)


def check(seed: int) -> None:
    exact = read(seed, firth.float64, "ref")
    plain = [read(seed, firth.float32, name) for name in ("ref", "ref_on_base_ops")]
    native = read(seed, firth.float32, "cpu")
    assert len(exact) == len(native)
    for place, (e, n) in enumerate(zip(exact, native, strict=True)):
        assert e.shape == n.shape
        np.testing.assert_array_equal(np.isnan(n), np.isnan(plain[1][place]))
        scale = max(float(np.max(np.abs(e), initial=0.0)), 1.0)
        if not scale < 1e30:  # NaN, or beyond float32, or nearly so
            continue
        # On the way to e something may be beyond float32: then ref is NaN or infinite there too.
        both = np.isfinite(plain[0][place]) & np.isfinite(plain[1][place])
        own = max(float(np.max(np.abs(p[place] - e), initial=0.0, where=both)) for p in plain)
        found = float(np.max(np.abs(n - e), initial=0.0, where=both))
        assert found <= 4 * own + 1e-5 * scale, (
            f"seed {seed} value {place}: error {found:.3g}, ref's own is {own:.3g}, "
            f"values up to {scale:.3g}"
        )


@pytest.mark.parametrize("first", range(START, START + COUNT, CHUNK))
def test_random_programs(first: int) -> None:
    for seed in range(first, min(first + CHUNK, START + COUNT)):
        try:
            check(seed)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
