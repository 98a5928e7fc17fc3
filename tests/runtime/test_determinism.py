"""The same bits twice, whatever the number of threads, in this process and in new ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base import flags
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.passes.grad import gradient
from firth.runtime.buffer import from_array
from firth.targets.cpu import compiler
from firth.targets.cpu import target as cpu
from tests.fuzz.graphs import random_graph

THREADS = ("1", "2", "4", "4")


@pytest.fixture(autouse=True)
def always_shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small programs too wake every thread."""
    monkeypatch.setattr(compiler, "_small", lambda plan: False)
    yield
    flags.put("FIRTH_THREADS", None)


def same_bits(graph: Graph, arrays: list[np.ndarray], generic: bool, note: str) -> None:
    """Runs twice alone, then compiled anew with more threads."""
    first: list[bytes] | None = None
    for turn, threads in enumerate(THREADS):
        flags.put("FIRTH_THREADS", threads)
        compiled = cpu.specialise(graph, generic)
        for _ in range(2):
            out = compiled.run([from_array(a) for a in arrays])
            found = [b.view(o.dtype, o.shape).tobytes() for b, o in zip(out, graph.outputs)]
            first = found if first is None else first
            for place, (one, other) in enumerate(zip(first, found, strict=True)):
                assert one == other, f"{note}: output {place}, {threads} threads, turn {turn}"


@pytest.mark.parametrize("first", range(0, 60, 10))
def test_random_graphs(first: int) -> None:
    for seed in range(first, first + 10):
        graph, arrays = random_graph(seed, dt.float32)
        same_bits(graph, arrays, seed % 2 == 1, f"seed {seed}")


def _with_gradients(outputs: list[Expr], inputs: list[Expr]) -> list[Expr]:
    found = gradient([o.node for o in outputs], [None] * len(outputs), [x.node for x in inputs])
    return outputs + [Expr(g) for g in found if g is not None]


def column_sums(x: Expr) -> list[Expr]:
    total = TABLE["sum"](x * x, axes=(0,), keepdims=False)
    return [total, TABLE["sum"](x, axes=(0, 1), keepdims=False),
            TABLE["var"](x, axes=(0,), correction=0, keepdims=False)]  # fmt: skip


def rows(x: Expr) -> list[Expr]:
    return _with_gradients([TABLE["logsumexp"](x, axes=(1,), keepdims=False)], [x])


def products(x: Expr) -> list[Expr]:
    return _with_gradients(
        [TABLE["matmul"](TABLE["tanh"](x), TABLE["permute"](x, axes=(1, 0)))], [x]
    )


def convolutions(x: Expr) -> list[Expr]:
    image = TABLE["reshape"](x, shape=(16, 15, 20, 20))
    kernel = TABLE["slice"](image, starts=(0, 0, 0, 0), sizes=(8, 15, 3, 3), steps=(1, 1, 1, 1))
    y = TABLE["conv"](
        image, kernel, stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1
    )
    return _with_gradients([TABLE["maximum"](y, 0.0)], [x])


def scatters(x: Expr) -> list[Expr]:
    """Thousands of additions to the same few places."""
    index = TABLE["cast"](TABLE["abs"](x) * 3.0, dtype=dt.int64)
    flat = TABLE["reshape"](x, shape=(96000,))
    places = TABLE["minimum"](TABLE["reshape"](index, shape=(96000,)), 6)
    seven = TABLE["slice"](flat, starts=(0,), sizes=(7,), steps=(1,))
    return [TABLE["scatter"](seven, flat, places, axes=(0,), mode="add"),
            TABLE["cumulate"](flat, axis=0, kind="add")]  # fmt: skip


@pytest.mark.parametrize("generic", [False, True])
@pytest.mark.parametrize("make", [column_sums, rows, products, convolutions, scatters])
def test_work_of_many_tiles(make: Callable[[Expr], list[Expr]], generic: bool) -> None:
    x = input_node(0, (320, 300), dt.float32)
    graph = Graph((x,), tuple(e.node for e in make(Expr(x))))
    array = np.random.default_rng(0).standard_normal((320, 300)).astype(np.float32)
    same_bits(graph, [array], generic, make.__name__)


TRAINING = """
import hashlib

import numpy as np

import firth
from firth import nn

firth.manual_seed(0)
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.1), nn.Linear(128, 10))
optimizer = firth.optim.Adam(model.parameters())
loss_of = nn.CrossEntropyLoss()


def step(x, y):
    optimizer.zero_grad()
    loss = loss_of(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


jitted = firth.jit(step)
rng = np.random.default_rng(0)
digest = hashlib.sha256()
for k in range(20):
    x = firth.from_numpy(rng.standard_normal((64, 784)).astype(np.float32))
    y = firth.from_numpy(rng.integers(0, 10, 64))
    loss = (step if k < 10 else jitted)(x, y)
    digest.update(loss.detach().numpy().tobytes())
for value in model.state_dict().values():
    digest.update(value.numpy().tobytes())
print(digest.hexdigest())
"""


def test_twenty_steps_in_new_processes() -> None:
    """Eager and jitted steps; string hashes, addresses and the cache differ between processes."""
    found = set()
    for seed, threads in enumerate(THREADS):
        environment = {
            **os.environ,
            "FIRTH_THREADS": threads,
            "PYTHONHASHSEED": str(seed),
            "FIRTH_CACHE": "0" if seed % 2 else os.environ.get("FIRTH_CACHE", ""),
        }
        done = subprocess.run(
            [sys.executable, "-c", TRAINING], capture_output=True, text=True, env=environment
        )
        assert not done.returncode, done.stderr
        found.add(done.stdout)
    assert len(found) == 1
