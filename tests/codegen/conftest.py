"""Kernels of tests are tiny, and meant for blocks and wide vectors all the same."""

import pytest

from firth.codegen import brief
from firth.passes import blocking


@pytest.fixture(autouse=True)
def tiny_kernels_as_large_ones(monkeypatch):
    monkeypatch.setattr(blocking, "TINY_STEPS", 0)
    monkeypatch.setattr(blocking, "EVEN_WORK", 0)
    monkeypatch.setattr(brief, "WORK", -1)
    monkeypatch.setattr(brief, "COPIES", -1)
