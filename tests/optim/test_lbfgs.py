"""firth.optim.lbfgs against PyTorch: places, calls of the closure, state."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

import firth
from firth import optim
from firth.base.errors import ArgumentError, RecordingError

START = np.random.default_rng(3).standard_normal((3, 4)), np.array([-1.2, 1.0])


def walk(lib: Any, steps: int, dtype: str = "float64", load: Any = None, **options: Any) -> Any:
    """(the places after each step with the first losses, calls, optimizer) down a valley."""
    a, b, unused = (
        lib.tensor(x, dtype=getattr(lib, dtype), requires_grad=True)
        for x in (load[0] if load else (*START, np.ones(2)))
    )
    optimizer = (optim if lib is firth else torch.optim).LBFGS([a, unused, b], **options)
    if load:
        optimizer.load_state_dict(load[1])
    calls = 0

    def closure() -> Any:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        valley = 100 * (b[1] - b[0] ** 2) ** 2 + (1 - b[0]) ** 2
        bowl = ((a - 0.5) ** 4 + (a - 0.5) ** 2).sum()
        loss = bowl + ((a[0] * a[1]).sum() - 1) ** 2 + valley
        loss.backward()
        return loss

    seen = []
    for _ in range(steps):
        loss = optimizer.step(closure)
        seen.append([loss.item(), *(np.array(p.detach().numpy()) for p in (a, b, unused))])
    return seen, calls, optimizer


def same(mine: Any, right: Any, tolerance: float = 1e-6) -> None:
    for ours, theirs in zip(mine, right, strict=True):
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", [
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 7, "history_size": 3, "lr": 0.3},
    {"line_search_fn": "strong_wolfe", "max_eval": 4},  # ends within a search
    {"lr": 0.05, "max_iter": 5, "history_size": 4},
    {"lr": 0.02, "max_iter": 1},
    {"max_iter": 6, "lr": 0.1, "max_eval": 3, "tolerance_change": 1e-3},
], ids=str)  # fmt: skip
def test_places_and_calls(options: dict[str, Any]) -> None:
    mine, calls, optimizer = walk(firth, 3, **options)
    right, their_calls, theirs = walk(torch, 3, **options)
    same(mine, right)
    assert calls == their_calls
    ours, theirs = (o.state_dict()["state"][0] for o in (optimizer, theirs))
    for name in ("func_evals", "n_iter"):
        assert ours[name] == theirs[name]
    assert len(ours["old_dirs"]) == len(theirs["old_dirs"])


def test_it_stops_where_nothing_changes() -> None:
    options = {"line_search_fn": "strong_wolfe", "max_iter": 200, "tolerance_grad": 1e-3}
    mine, calls, _ = walk(firth, 2, "float32", **options)
    assert mine[-1][2].tolist() == pytest.approx([1, 1], abs=1e-2)
    assert calls < 120  # far from what it may


def test_state_goes_to_pytorch_and_back() -> None:
    options = {"line_search_fn": "strong_wolfe", "max_iter": 4}
    whole, _, _ = walk(torch, 4, **options)
    for first, then in ((torch, firth), (firth, firth), (firth, torch)):
        seen, _, optimizer = walk(first, 2, **options)
        state = copy.deepcopy(optimizer.state_dict())
        if then is torch:
            state["state"][0] = {k: plain(v) for k, v in state["state"][0].items()}
        _, *places = seen[-1]
        rest, _, _ = walk(then, 2, load=(places, state), **options)
        same(rest, whole[2:])


def plain(value: Any) -> Any:
    """PyTorch's tensors of Firth's, in lists too."""
    if isinstance(value, list):
        return [plain(v) for v in value]
    return torch.from_numpy(np.array(value.numpy())) if isinstance(value, firth.Tensor) else value


def test_complex_and_half_parameters() -> None:
    z = firth.tensor([1 + 2j, -1j], dtype=firth.complex64, requires_grad=True)
    h = firth.tensor([3.0, -2.0], dtype=firth.float16, requires_grad=True)
    optimizer = optim.LBFGS([z, h], line_search_fn="strong_wolfe")

    @firth.jit
    def losses() -> Any:
        loss = ((z - (2 - 1j)).abs() ** 2).sum() + ((h.float() - 0.5) ** 2).sum()
        loss.backward()
        return loss

    def closure() -> Any:
        optimizer.zero_grad()
        return losses()

    optimizer.step(closure)
    np.testing.assert_allclose(z.detach().numpy(), [2 - 1j] * 2, atol=1e-3)
    np.testing.assert_allclose(h.detach().numpy(), [0.5] * 2, atol=1e-3)
    assert z.dtype is firth.complex64 and h.dtype is firth.float16


def test_what_is_refused() -> None:
    p = firth.zeros(2, requires_grad=True)
    with pytest.raises(ArgumentError, match="no such line_search_fn"):
        optim.LBFGS([p], line_search_fn="armijo")
    with pytest.raises(ArgumentError, match="one direction for all parameters"):
        optim.LBFGS([{"params": [p]}, {"params": [firth.zeros(1)]}])
    optimizer = optim.LBFGS([p])
    with pytest.raises(ArgumentError, match="the closure is missing"):
        optimizer.step()
    with pytest.raises(ArgumentError, match="the closure returns nothing"):
        optimizer.step(lambda: None)
    with pytest.raises(RecordingError, match="looked at inside"):
        firth.jit(lambda: optimizer.step(lambda: (p * p).sum()))()
