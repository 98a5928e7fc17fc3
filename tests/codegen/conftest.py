"""Contractions of tests are tiny, and meant for the micro-kernels all the same."""

import pytest

from firth.passes import blocking


@pytest.fixture(autouse=True)
def micro_kernels_for_tiny_contractions(monkeypatch):
    monkeypatch.setattr(blocking, "TINY_WORK", 0)
