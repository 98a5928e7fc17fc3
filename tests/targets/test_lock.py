"""Forks while other threads import the compiler and compile: the child never hangs."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import firth
from firth.base import dtype as dt
from firth.base import flags
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, input_node
from firth.runtime.buffer import from_array
from firth.targets.cpu import target as cpu
from tests.targets.cpu.test_build import exit_code


def scaled_sum(rows: int, columns: int, factor: float) -> Graph:
    x = input_node(0, (rows, columns), dt.float32)
    y = TABLE["sum"](Expr(x) * factor, axes=(1,), keepdims=False)
    return Graph((x,), (TABLE["exp"](y).node,))


def check(rows: int, columns: int, factor: float) -> bool:
    array = np.full((rows, columns), 1 / columns, np.float32)
    graph = scaled_sum(rows, columns, factor)
    (out,) = cpu.compile(graph).run([from_array(array)])
    found = out.view(dt.float32, (rows,))
    return bool(np.allclose(found, np.exp(factor), rtol=1e-5))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forks_while_other_threads_compile_graphs() -> None:
    """The child compiles new code, runs it on every thread, and records."""
    flags.put("FIRTH_CACHE", "0")
    flags.put("FIRTH_THREADS", "2")
    done = threading.Event()
    numbers = itertools.count(1)
    failures: list[BaseException] = []

    def compile_for_ever() -> None:
        try:
            while not done.is_set():
                k = next(numbers)
                assert check(4, 16, k / 4096)
                assert (firth.ones(8) * (k / 4096)).sum().item() == k / 512
        except BaseException as error:
            failures.append(error)

    others = [threading.Thread(target=compile_for_ever) for _ in range(2)]
    for other in others:
        other.start()
    try:
        for turn in range(100):
            child = os.fork()
            if child == 0:
                good = check(2000, 33, 0.5 + turn / 64)
                good = good and (firth.ones(4) * (turn + 2)).sum().item() == 4 * (turn + 2)
                os._exit(0 if good else 1)
            assert exit_code(child) == 0, f"fork {turn}"
    finally:
        done.set()
        for other in others:
            other.join()
        flags.put("FIRTH_CACHE", None)
        flags.put("FIRTH_THREADS", None)
    assert not failures


FIRST = """
import os, sys, threading, time

import firth
from tests.targets.cpu.test_build import exit_code

total = lambda n: firth.ones(n).sum().item()
other = threading.Thread(target=total, args=(5,))
other.start()
time.sleep(float(sys.argv[1]))
child = os.fork()
if child == 0:
    os._exit(0 if total(7) == 7 else 1)
code = exit_code(child, 20)
other.join()
sys.exit(code != 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("wait_ms", [0, 5, 20, 50, 100, 200])
def test_fork_while_the_first_compilation_imports_the_compiler(wait_ms: int) -> None:
    words = [sys.executable, "-c", FIRST, str(wait_ms / 1000)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
