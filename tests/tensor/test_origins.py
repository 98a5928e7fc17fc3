"""The kernels of a program know the user's lines and layers, however the program came about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn
from firth.base import flags
from firth.runtime import collect, trace
from firth.tensor import layers

HERE = str(Path(__file__))


@contextmanager
def collected() -> Iterator[collect.Collector]:
    trace.collector = collect.Collector()
    flags.version += 1
    layers.want(1)
    try:
        yield trace.collector
    finally:
        layers.want(-1)
        trace.collector = None
        flags.version += 1


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(12, 20)
        self.fc2 = nn.Linear(20, 12)

    def forward(self, x: Any) -> Any:
        y = self.fc1(x).tanh()  # line: fc1
        return x + self.fc2(y)  # line: fc2


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])

    def forward(self, x: Any) -> Any:
        for block in self.blocks:
            x = block(x)
        return x


def line_with(text: str) -> str:
    lines = Path(__file__).read_text().splitlines()
    return f"{HERE}:{next(k for k, line in enumerate(lines, 1) if line.endswith(text))}"


def training() -> tuple[Callable[[Any], Any], Any]:
    firth.manual_seed(0)
    model = Net()
    optimizer = firth.optim.SGD(model.parameters(), lr=0.1)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()  # line: loss
        loss.backward()
        optimizer.step()  # line: step
        return loss

    return step, firth.from_numpy(np.ones((8, 12), np.float32))


def main_origins(total: collect.Total) -> list[trace.Origin]:
    return [total.origins[s.origins[0]] for s in total.stages if s.origins]


def check(found: list[trace.Origin]) -> None:
    wanted = [
        trace.Origin(line_with("# line: fc1"), "blocks.1.fc1"),
        trace.Origin(line_with("# line: fc2"), "blocks.0.fc2"),
        trace.Origin(line_with("# line: fc1"), "blocks.0.fc1", backward=True),
        trace.Origin(line_with("# line: fc2"), "blocks.1.fc2", backward=True),
    ]
    for origin in wanted:
        assert origin in found, origin


@pytest.mark.parametrize("jitted", [False, True])
def test_a_training_step(jitted: bool, tmp_path: Path) -> None:
    flags.put("FIRTH_CACHE", str(tmp_path))
    try:
        step, x = training()
        call = firth.jit(step) if jitted else step
        call(x)
        with collected() as collector:
            call(x)
            call(x)
    finally:
        flags.put("FIRTH_CACHE", None)
    total = max(collector.totals.values(), key=lambda t: len(t.stages))
    check(main_origins(total))
    assert total.calls >= 1
    every = {total.origins[k] for s in total.stages for k in s.origins}
    assert trace.Origin(line_with("# line: step"), "SGD") in every
    assert trace.Origin(line_with("# line: loss"), "") in every


def test_a_program_from_the_cache_has_the_lines_of_who_runs_it(tmp_path: Path) -> None:
    """One program on disk and in memory for the same graph from other lines."""
    flags.put("FIRTH_CACHE", str(tmp_path))
    try:
        x = firth.from_numpy(np.ones((7, 31), np.float32))
        with collected() as collector:
            first = (x @ x.t()).sum()  # line: first
            first.item()
            second = (x @ x.t()).sum()  # line: second
            second.item()
    finally:
        flags.put("FIRTH_CACHE", None)
    one, other = collector.totals.values()
    assert one.stages is other.stages
    assert {o.line for o in main_origins(one)} == {line_with("# line: first")}
    assert {o.line for o in main_origins(other)} == {line_with("# line: second")}


def test_values_in_the_arena_know_their_line() -> None:
    step, x = training()
    call = firth.jit(step)
    with collected() as collector:
        call(x)
    total = max(collector.totals.values(), key=lambda t: len(t.stages))
    values = total.memory.values
    assert values and all(v.first <= v.last for v in values)
    lines = {total.origins[v.origin].line for v in values if v.origin >= 0}
    assert line_with("# line: fc1") in lines


def test_nobody_enters_when_nobody_wants_to_know() -> None:
    assert not layers.enter(nn.ReLU())
    rec = layers.local.rec
    assert layers.labels(rec) == []


def test_a_recording_cut_inside_of_a_layer_goes_on_in_it() -> None:
    class Reading(nn.Module):
        def forward(self, x: Any) -> Any:
            if x.sum().item() > 0:
                return x * 2.5  # line: after
            return x

    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Reading()

        def forward(self, x: Any) -> Any:
            return self.inner(x)

    with collected() as collector:
        Outer()(firth.from_numpy(np.ones((5, 3), np.float32))).numpy()
    last = list(collector.totals.values())[-1]
    assert main_origins(last) == [trace.Origin(line_with("# line: after"), "inner")]
