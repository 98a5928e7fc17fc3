"""Lines of nodes as tables show them, and time spent compiling."""

from __future__ import annotations

import os

import pytest

from firth.runtime import collect, trace
from firth.runtime.trace import Origin


def test_words_of_a_line_a_layer_and_a_direction() -> None:
    here = os.path.join(os.getcwd(), "net.py")
    assert trace.words(Origin(f"{here}:3", "fc1", True)) == "net.py:3 fc1 backward"
    assert trace.words(Origin("/elsewhere/net.py:3", "")) == "/elsewhere/net.py:3"


def test_time_spent_compiling_is_told_to_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    with trace.compiling():
        pass  # nobody asks
    monkeypatch.setattr(trace, "collector", collect.Collector())
    with pytest.raises(ValueError), trace.compiling():
        raise ValueError
    assert trace.collector is not None
    ((began, ended),) = trace.collector.compiling
    assert began <= ended
