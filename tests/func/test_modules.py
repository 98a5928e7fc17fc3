"""Modules as functions: replaced parameters, ensembles, and gradients of every example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth import nn
from firth.func import functional_call, grad, stack_module_state, vmap

F64 = firth.float64
IMAGE, ROWS, WORDS = (2, 4, 6, 6), (5, 4), (3, 6, 8)
LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Linear": (lambda: nn.Linear(4, 3), ROWS),
    "Conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 9)),
    "Conv2d": (lambda: nn.Conv2d(4, 3, 3, padding=1), (4, 6, 6)),
    "Conv2d of groups": (lambda: nn.Conv2d(4, 4, 3, groups=4, dilation=2), (2, 4, 6, 6)),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(4, 3, 3, stride=2, padding=1), (2, 4, 4)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 3, 3, stride=2), (4, 4, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, track_running_stats=False), IMAGE),
    "BatchNorm1d eval": (lambda: nn.BatchNorm1d(4).eval(), ROWS),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), IMAGE),
    "LayerNorm": (lambda: nn.LayerNorm((6, 6)), IMAGE),
    "RMSNorm": (lambda: nn.RMSNorm(8), WORDS),
    "PReLU": (lambda: nn.PReLU(4), ROWS),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(8, 2, batch_first=True), WORDS),
    "TransformerEncoderLayer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), WORDS),
    "pools": (
        lambda: nn.Sequential(nn.Conv2d(4, 4, 1), nn.MaxPool2d(2), nn.AvgPool2d(2, padding=1),
                              nn.AdaptiveAvgPool2d(1)), IMAGE),
    "pools of rows": (
        lambda: nn.Sequential(nn.Conv1d(4, 4, 1), nn.MaxPool1d(2), nn.AvgPool1d(2, padding=1),
                              nn.AdaptiveAvgPool1d(2), nn.Flatten(0)), (4, 9)),
    "activations": (
        lambda: nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 6), nn.SiLU(),
                              nn.Softmax(-1), nn.Linear(6, 2), nn.LogSoftmax(-1)), ROWS),
    "more activations": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.GLU(), nn.CELU(), nn.Linear(4, 4), nn.Mish(),
                              nn.Hardswish(), nn.Linear(4, 4), nn.Softplus(), nn.LeakyReLU(),
                              nn.SELU(), nn.LogSigmoid(), nn.Tanh()), ROWS),
}  # fmt: skip


def _loss(layer: nn.Module) -> Any:
    def loss(state: Any, x: firth.Tensor) -> firth.Tensor:
        several = {"MultiheadAttention": 3}.get(type(layer).__name__, 1)
        y = functional_call(layer, state, (x,) * several)
        y = y[0] if isinstance(y, tuple) else y
        return (y * firth.linspace(0.5, 1.5, y.numel(), dtype=F64).reshape(y.shape)).sum()

    return loss


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_every_example_are_those_of_a_loop(name: str) -> None:
    make, shape = LAYERS[name]
    layer = make().double()
    state = {k: p.detach() for k, p in layer.named_parameters()}
    xs = firth.from_numpy(np.random.default_rng(0).standard_normal((2, *shape)))
    each = grad(_loss(layer))
    together = vmap(each, in_dims=(None, 0))(state, xs)
    for i in range(len(xs)):
        alone = each(state, xs[i])
        for k, g in alone.items():
            np.testing.assert_allclose(
                together[k][i].numpy(), g.numpy(), rtol=1e-9, atol=1e-10, err_msg=k
            )


LOSSES = {
    "CrossEntropyLoss": "places", "NLLLoss": "places", "MSELoss": "floats", "L1Loss": "floats",
    "HuberLoss": "floats", "SmoothL1Loss": "floats", "BCELoss": "shares",
    "BCEWithLogitsLoss": "shares", "KLDivLoss": "shares",
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_every_example(name: str) -> None:
    rng = np.random.default_rng(1)
    x = firth.from_numpy(rng.uniform(0.1, 0.9, (3, 4, 5)))
    kind = LOSSES[name]
    y = rng.integers(0, 5, (3, 4)) if kind == "places" else rng.uniform(0.1, 0.9, (3, 4, 5))
    target, loss = firth.from_numpy(y), getattr(nn, name)()
    found = vmap(grad(loss))(x, target).numpy()
    for i in range(3):
        np.testing.assert_allclose(found[i], grad(loss)(x[i], target[i]).numpy(), rtol=1e-10)


def test_embedding_and_dropout() -> None:
    table, drop = nn.Embedding(7, 3).double(), nn.Dropout(0.5)
    words = firth.tensor([[1, 2, 2], [0, 6, 1]])
    weight = table.weight.detach()

    def loss(w: firth.Tensor, i: firth.Tensor) -> firth.Tensor:
        return (drop(functional_call(table, {"weight": w}, (i,))) ** 2).sum()

    found = vmap(grad(loss), in_dims=(None, 0), randomness="different")(weight, words)
    expected = np.where(found.numpy() != 0, 8.0, 0.0) * weight.numpy()
    expected[0, 2] = found.numpy()[0, 2]  # drawn twice
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_an_ensemble() -> None:
    models = [nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)) for _ in range(3)]
    parameters, buffers = stack_module_state(models)
    x = firth.randn(5, 3)

    def call(p: Any, b: Any, x: firth.Tensor) -> Any:
        return functional_call(models[0], (p, b), (x,))

    found = vmap(call, in_dims=(0, 0, None))(parameters, buffers, x)
    for i, model in enumerate(models):
        np.testing.assert_allclose(
            found[i].detach().numpy(), model(x).detach().numpy(), rtol=1e-4, atol=1e-5
        )
        means = model.get_submodule("1").running_mean
        np.testing.assert_allclose(buffers["1.running_mean"][i].numpy(), means.numpy(), rtol=1e-5)
    found.sum().backward()
    assert parameters["0.weight"].grad.shape == (3, 4, 3)


def test_names_are_checked_and_ties_kept() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight
    with pytest.raises(firth.FirthError, match="names do not fit"):
        functional_call(layer, {"wait": firth.ones(2, 2)}, firth.ones(2))
    with pytest.raises(firth.FirthError, match="names do not fit"):
        functional_call(layer, {"weight": firth.ones(2, 2)}, firth.ones(2), strict=True)
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied.get_submodule("1").weight = tied.get_submodule("0").weight
    ones = {"0.weight": firth.ones(2, 2)}
    assert functional_call(tied, ones, firth.ones(2)).tolist() == [4.0, 4.0]
    assert layer.weight is before
    with pytest.raises(firth.FirthError, match="several classes"):
        stack_module_state([layer, tied])


def test_batch_norms_without_running_statistics() -> None:
    net = firth.func.replace_all_batch_norm_modules_(
        nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    )
    assert dict(net.named_buffers()) == {}
    x = firth.randn(2, 5, 4)
    assert vmap(net)(x)[1].allclose(net(x[1]), atol=1e-5)
