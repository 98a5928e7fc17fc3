"""firth.optim: every rule follows PyTorch's for 20 steps; groups, state, closures, jit."""

from __future__ import annotations

import copy
import gc
import sys
from typing import Any

import numpy as np
import pytest
import torch

import firth
from firth import nn, optim, targets
from firth.base import flags

RNG = np.random.default_rng(0)
SHAPES = [(4, 3), (5,), ()]
START = [RNG.normal(size=s) for s in SHAPES]
GRADS = [[RNG.normal(size=s) for s in SHAPES] for _ in range(20)]

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "maximize": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.2, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
]


def tensors(make: Any, dtype: Any = np.float64) -> list[Any]:
    return [make(np.asarray(a, dtype)).requires_grad_() for a in START]


def run(optimizer: Any, params: list[Any], make: Any, steps: range = range(20)) -> None:
    for step in steps:
        for i, p in enumerate(params):
            skipped = i == 1 and step in (3, 4, 9)  # a parameter without a gradient stays
            p.grad = (
                None if skipped else make(np.asarray(GRADS[step][i], np.asarray(p.detach()).dtype))
            )
        optimizer.step()


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{','.join(c[1])}")
def test_twenty_steps(case: Any) -> None:
    name, options = case
    ours, theirs = tensors(firth.tensor), tensors(torch.tensor)
    mine = getattr(optim, name)(ours, **options)
    other = getattr(torch.optim, name)(theirs, **options)
    run(mine, ours, firth.tensor)
    run(other, theirs, torch.tensor)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-11, atol=1e-13)
    for number, state in other.state_dict()["state"].items():
        for key, value in state.items():
            if value is not None:
                got = np.asarray(mine.state_dict()["state"][number][key])
                np.testing.assert_allclose(got, value.numpy(), rtol=1e-11, atol=1e-13, err_msg=key)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_small_dtypes_keep_their_dtype(name: str, dtype: str) -> None:
    params = tensors(firth.tensor, dtype)
    optimizer = getattr(optim, name)(params, lr=1e-2)
    run(optimizer, params, firth.tensor)
    assert all(p.dtype.name == dtype for p in params)
    assert all(np.isfinite(p.detach().numpy()).all() for p in params)


def test_state_goes_to_pytorch_and_back() -> None:
    ours, theirs = tensors(firth.tensor), tensors(torch.tensor)
    mine, other = optim.AdamW(ours), torch.optim.AdamW(theirs)
    run(other, theirs, torch.tensor, range(10))
    for p, q in zip(ours, theirs, strict=True):
        p.data = firth.tensor(q.detach().numpy())
    mine.load_state_dict(other.state_dict())
    run(mine, ours, firth.tensor, range(10, 20))
    run(other, theirs, torch.tensor, range(10, 20))
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-11)


def test_state_dict_round_trip() -> None:
    whole, parts = tensors(firth.tensor), tensors(firth.tensor)
    one, first = optim.Adam(whole), optim.Adam(parts)
    run(one, whole, firth.tensor)
    run(first, parts, firth.tensor, range(10))
    second = optim.Adam(parts, lr=7.0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert second.param_groups[0]["lr"] == 1e-3
    run(second, parts, firth.tensor, range(10, 20))
    for p, q in zip(whole, parts, strict=True):
        assert np.array_equal(p.detach().numpy(), q.detach().numpy())
    with pytest.raises(ValueError, match="groups"):
        optim.Adam(parts[:2]).load_state_dict(first.state_dict())


def test_parameter_groups() -> None:
    ours, theirs = tensors(firth.tensor), tensors(torch.tensor)

    def groups(params: list[Any]) -> list[dict[str, Any]]:
        return [
            {"params": params[:1], "lr": 0.05},
            {"params": params[1:], "weight_decay": 0.5},
        ]

    mine, other = optim.AdamW(groups(ours), lr=0.1), torch.optim.AdamW(groups(theirs), lr=0.1)
    run(mine, ours, firth.tensor)
    run(other, theirs, torch.tensor)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-11)
    assert [g["lr"] for g in mine.param_groups] == [0.05, 0.1]


def test_zero_grad_and_closure() -> None:
    p = firth.tensor([3.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.item() == 0.0
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0.0]
    optimizer.zero_grad()
    assert p.grad is None
    optimizer.step()


def test_parameters_stay_leaves() -> None:
    p = firth.tensor([3.0], requires_grad=True)
    optimizer = optim.Adam([p])
    for _ in range(3):
        optimizer.zero_grad()
        (p * 2).sum().backward()
        assert p.grad.tolist() == [2.0]
        optimizer.step()
        assert p.is_leaf and p.requires_grad


def test_what_is_refused() -> None:
    p = firth.tensor([3.0], requires_grad=True)
    with pytest.raises(ValueError, match="nothing to optimize"):
        optim.SGD([])
    with pytest.raises(ValueError, match="leaf"):
        optim.SGD([p * 2])
    with pytest.raises(ValueError, match="twice"):
        optim.SGD([p, p])
    with pytest.raises(ValueError, match="not a tensor"):
        optim.SGD([1.0])
    with pytest.raises(ValueError, match="Nesterov"):
        optim.SGD([p], nesterov=True)
    with pytest.raises(ValueError, match="betas"):
        optim.Adam([p], betas=(0.9, 1.0))


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_inside_jit(name: str) -> None:
    plain, jitted = (tensors(firth.tensor) for _ in range(2))
    options = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    one, other = (getattr(optim, name)(p, lr=1e-2, **options) for p in (plain, jitted))

    def step(params: list[Any], optimizer: Any) -> Any:
        optimizer.zero_grad()
        loss = sum((p * p * p).sum() for p in params)
        loss.backward()
        optimizer.step()
        return loss

    fast = firth.jit(lambda: step(jitted, other))
    for _ in range(6):
        a, b = step(plain, one), fast()
        np.testing.assert_allclose(a.item(), b.item(), rtol=1e-12)
    for p, q in zip(plain, jitted, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-12)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The graphs that are compiled from here on."""
    target = targets.get(flags.get("FIRTH_TARGET"))
    # What other tests left must not be part of the first step, nor fill the trie by the next one.
    gc.collect()
    (firth.zeros(()) + 1).item()
    monkeypatch.setattr(sys.modules["firth.tensor.cut"], "TRIE_LIMIT", 1 << 60)
    found: list[Any] = []
    compile_ = target.compile
    monkeypatch.setattr(target, "compile", lambda graph: found.append(graph) or compile_(graph))
    return found


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_rate_that_changes_every_step_costs_one_more_program(
    name: str, compiled: list[Any]
) -> None:
    p = firth.tensor(RNG.normal(size=(7, 3)), requires_grad=True)
    optimizer = getattr(optim, name)([p], lr=0.1)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(8):
        optimizer.zero_grad()
        (p * p).sum().backward()
        optimizer.step()
        schedule.step()
    assert 1 <= len(compiled) <= 2


def test_a_copy_goes_on_alone() -> None:
    params = tensors(firth.tensor)
    optimizer = optim.Adam(params)
    run(optimizer, params, firth.tensor, range(2))
    before = [p.tolist() for p in params]
    twin = copy.deepcopy(optimizer)
    run(twin, twin.param_groups[0]["params"], firth.tensor, range(2, 4))
    assert [p.tolist() for p in params] == before
    run(optimizer, params, firth.tensor, range(2, 4))
    for p, q in zip(params, twin.param_groups[0]["params"], strict=True):
        assert p.tolist() == q.tolist()


def test_a_training_loop_compiles_one_program(compiled: list[Any]) -> None:
    net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    optimizer, loss_of = optim.Adam(net.parameters()), nn.CrossEntropyLoss()
    for _ in range(5):
        x, y = firth.from_numpy(RNG.normal(size=(6, 5)).astype(np.float32)), firth.tensor([0] * 6)
        optimizer.zero_grad()
        loss = loss_of(net(x), y)
        loss.backward()
        optimizer.step()
        loss.item()
    assert len(compiled) == 1
