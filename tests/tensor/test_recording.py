"""Recordings are per thread and survive a fork."""

from __future__ import annotations

import os
import threading

import pytest

import firth
from firth.tensor.recording import local


def test_each_thread_has_its_own() -> None:
    mine = local.rec
    others: list[object] = []
    thread = threading.Thread(target=lambda: others.append(local.rec))
    thread.start()
    thread.join()
    assert others[0] is not mine


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_goes_on_from_what_was_pending() -> None:
    x = firth.ones(3)
    y = x * 2  # pending when the process forks
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, repr(((y + 1).tolist(), firth.rand(2).tolist() is not None)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() == "([3.0, 3.0, 3.0], True)"
    assert y.tolist() == [2.0] * 3
