"""debug(nan=True) names the operation, layer and line that made the first NaN or infinity."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn, optim
from firth.base import flags
from firth.base.errors import NonFiniteError


@pytest.fixture(params=["cpu", "ref"], autouse=True)
def target(request: pytest.FixtureRequest) -> Iterator[None]:
    flags.put("FIRTH_TARGET", request.param)
    yield
    firth.debug(nan=False)
    flags.put("FIRTH_TARGET", None)


def line(text: str) -> int:
    """The number of the one line of this file that holds the text."""
    lines = Path(__file__).read_text().splitlines()
    (found,) = [n for n, each in enumerate(lines, 1) if text in each and "line(" not in each]
    return found


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.norm = Log()
        self.last = nn.Linear(8, 1)

    def forward(self, x: firth.Tensor) -> firth.Tensor:
        return self.last(self.norm(self.first(x)))


class Log(nn.Module):
    def forward(self, x: firth.Tensor) -> firth.Tensor:
        scaled = x * 0.5
        return (scaled - scaled + 1.0 - (x > 1e6).float() * 1.5).log()


def trained(jit: bool) -> tuple[Net, Any]:
    firth.manual_seed(0)
    net = Net()
    optimizer = optim.Adam(net.parameters(), lr=0.1)

    def step(x: firth.Tensor) -> firth.Tensor:
        optimizer.zero_grad()
        loss = net(x).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return net, firth.jit(step) if jit else step


@pytest.mark.parametrize("jit", [False, True])
def test_a_training_step_names_op_layer_and_line_and_changes_nothing(jit: bool) -> None:
    net, step = trained(jit)
    firth.debug(nan=True)
    for _ in range(3):
        step(firth.ones(5, 4)).item()
    before = [p.detach().numpy().copy() for p in net.parameters()]
    with firth.no_grad():
        net.first.weight[0, 0] = 1e9
        before[0][0, 0] = net.first.weight[0, 0].item()
    here = f"test_debug.py:{line('* 1.5).log()')}"
    with pytest.raises(NonFiniteError, match=f"(?s)log: .*{here} in layer norm") as found:
        step(firth.ones(5, 4)).item()
    assert (found.value.op, found.value.layer) == ("log", "norm")
    assert found.value.line.endswith(here)
    for old, p in zip(before, net.parameters(), strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), old)
    with firth.no_grad():
        net.first.weight[0, 0] = 0.5
    assert np.isfinite(step(firth.ones(5, 4)).item())


@pytest.mark.parametrize("jit", [False, True])
def test_a_gradient_is_named_by_the_operation_it_is_of(jit: bool) -> None:
    def rooted(x: firth.Tensor) -> firth.Tensor:
        safe = firth.where(x > 0, x.sqrt(), 0.0)
        return safe.sum()

    def slope(x: firth.Tensor) -> firth.Tensor:
        y = rooted(x)
        return firth.autograd.grad(y, x)[0]

    run = firth.jit(slope) if jit else slope
    x = firth.tensor([0.0, 4.0], requires_grad=True)
    assert np.isnan(run(x).numpy()[0])
    with firth.debug(nan=True):
        with pytest.raises(NonFiniteError, match="sqrt: its gradient is the first") as found:
            run(x).tolist()
        assert found.value.line.endswith(f"test_debug.py:{line('x.sqrt(), 0.0)')}")
        assert run(firth.tensor([1.0, 4.0], requires_grad=True)).tolist() == [0.5, 0.25]


def test_masks_are_no_error_but_a_row_without_anything_is() -> None:
    scores = firth.zeros(2, 3)
    mask = firth.tensor([[True, True, False], [True, False, False]])
    with firth.debug(nan=True):
        masked = scores.masked_fill(~mask, float("-inf"))
        assert masked.tolist()[1][1] == -np.inf  # the user wrote it
        assert np.isfinite(masked.softmax(-1).sum().item())
        none = scores.masked_fill(scores == 0, float("-inf"))
        with pytest.raises(NonFiniteError, match=r"softmax: .*6 NaN of 6 elements.*\[-inf, -inf\]"):
            (none[:, :3].softmax(-1) + firth.softmax(masked, -1)).tolist()


def test_an_overflow_is_found_where_it_begins() -> None:
    x = firth.tensor([1.0, 100.0])
    with firth.debug(nan=True), pytest.raises(NonFiniteError, match=r"exp: .*1 infinite of 2"):
        ((x.exp()) / x.exp().sum()).tolist()
    half = firth.tensor([60000.0], dtype=firth.float16)
    with firth.debug(nan=True), pytest.raises(NonFiniteError, match=r"mul: .*float16\[1\]"):
        ((half * 2) * 0).tolist()


def test_what_held_nan_before_is_not_blamed_on_an_operation() -> None:
    x = firth.tensor([1.0, float("nan")])
    x.tolist()
    with firth.debug(nan=True):
        assert firth.nan_to_num(x).tolist() == [1.0, 0.0]
        with pytest.raises(NonFiniteError, match="a tensor held NaN when the program began"):
            (x + 1).exp().tolist()


def test_huge_finite_values_and_other_dtypes_pass() -> None:
    with firth.debug(nan=True):
        assert (firth.full((3,), 3e38) * 1).tolist()[0] > 1e38
        assert (firth.tensor([1 + 2j]) * 2).tolist() == [2 + 4j]
        with pytest.raises(NonFiniteError, match=r"(reciprocal|div): "):
            (1 / firth.tensor([0j, 1j])).tolist()


def test_the_switch() -> None:
    words = flags.get("FIRTH_DEBUG")
    with firth.debug(nan=True):
        assert flags.debug("nan")
        with firth.debug(nan=False):
            assert firth.tensor([-1.0]).sqrt().isnan().item()
            assert np.isnan(firth.tensor([-1.0]).sqrt().item())
        assert flags.debug("nan")
    assert not flags.debug("nan")
    assert flags.get("FIRTH_DEBUG") == words


@pytest.mark.parametrize("jit", [False, True])
def test_what_an_update_made_is_found_later_and_taken_back(jit: bool) -> None:
    """The loss stays finite; the square of a gradient does not."""
    weight = firth.ones(3, requires_grad=True)
    optimizer = optim.Adam([weight], lr=0.5)

    def step(scale: firth.Tensor) -> firth.Tensor:
        optimizer.zero_grad()
        loss = (weight * scale).sum() * 1e-30
        (weight * scale).sum().backward()
        optimizer.step()
        return loss

    run = firth.jit(step) if jit else step
    seen = []
    with firth.debug(nan=True):
        late = "runs of the program ago" if jit else "first that is not finite, float"
        with pytest.raises(NonFiniteError, match=late) as found:
            for k in range(200):
                run(firth.full((3,), 1e25 if k == 80 else 1.0)).item()
                seen.append(weight.tolist()[0])
    assert (81 if jit else 80) <= len(seen) < 81 + 64
    assert weight.tolist()[0] == seen[79]
    assert found.value.op in ("mul", "square", "addcmul", "pow")
    assert found.value.layer == "Adam"
