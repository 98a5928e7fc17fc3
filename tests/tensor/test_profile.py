"""firth.profile(): kernels with lines, memory, times; files; what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import firth
from firth.base import flags
from firth.base.errors import ArgumentError


def matrix() -> firth.Tensor:
    return firth.from_numpy(np.ones((64, 64), np.float32))


def test_kernels_times_and_memory() -> None:
    x = matrix()
    with firth.profile() as p:
        y = (x @ x).exp().sum(0)
        y.numpy()
    (product,) = [k for k in p.kernels() if k.flops]
    assert product.flops == 2 * 64**3 and product.calls == 1 and product.bytes > 0
    assert product.peak > 0 and product.seconds > 0 and product.threads > 0
    assert product.origins[0].line.startswith(__file__)
    found = p.times()
    assert found.kernels > 0 and found.whole >= found.kernels + found.rest
    assert p.memory()[0].in_bytes == 64 * 64 * 4
    assert "contract" in p.text() and "in kernels" in str(p)


def test_results_are_the_same_bits() -> None:
    x = firth.from_numpy(np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32))
    wanted = (x @ x).softmax(1).numpy()
    with firth.profile():
        found = (x @ x).softmax(1).numpy()
    np.testing.assert_array_equal(found, wanted)


def test_files(tmp_path: Path) -> None:
    x = matrix()
    with firth.profile() as p:
        (x @ x).numpy()
    paths = p.save(tmp_path / "out")
    assert [path.name for path in paths] == ["trace.json", "memory.json", "kernels.txt"]
    assert json.loads(paths[0].read_text())["traceEvents"]
    assert json.loads(paths[1].read_text())["programs"]
    assert "contract" in paths[2].read_text()


def test_an_error_inside_ends_it() -> None:
    with pytest.raises(ZeroDivisionError), firth.profile() as p:
        1 / 0  # noqa: B018
    assert p.kernels() == []
    with firth.profile():
        pass


def test_what_is_refused() -> None:
    with firth.profile() as p:
        with pytest.raises(ArgumentError, match="being made already"), firth.profile():
            pass
        with pytest.raises(ArgumentError, match="nothing to tell yet"):
            p.kernels()
    flags.put("FIRTH_TARGET", "ref")
    try:
        with pytest.raises(ArgumentError, match="only programs of the cpu target"):
            firth.profile().__enter__()
    finally:
        flags.put("FIRTH_TARGET", None)
