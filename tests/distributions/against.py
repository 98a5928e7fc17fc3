"""One distribution in Firth and in PyTorch: values, gradients and samples compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
import firth.distributions as ours

torch = pytest.importorskip("torch")
theirs = torch.distributions

LIBRARIES = ((firth, ours), (torch, theirs))


def tensors(lib: Any, values: dict[str, Any]) -> dict[str, Any]:
    """Parameters in float64 as leaves; integers stay numbers."""
    return {
        k: v if isinstance(v, int) else lib.tensor(v, dtype=lib.float64).requires_grad_()
        for k, v in values.items()
    }


def compare(name: str, parameters: dict[str, Any], value: Any, *measures: str) -> None:
    """log_prob at `value` and the measures, each with the gradients of all parameters."""
    rows: list[list[np.ndarray]] = []
    for lib, package in LIBRARIES:
        row = []
        for measure in ("log_prob", *measures):
            given = tensors(lib, parameters)
            leaves = [v for v in given.values() if not isinstance(v, int)]
            made = getattr(package, name)(**given)
            found = getattr(made, measure)
            if measure in ("log_prob", "cdf"):
                found = found(lib.tensor(value, dtype=lib.float64))
            elif measure == "icdf":
                found = found(lib.tensor(0.3, dtype=lib.float64))
            elif callable(found):
                found = found()
            row.append(found.detach().numpy())
            if measure != "mode" and found.requires_grad:
                grads = lib.autograd.grad(found.sum(), leaves, allow_unused=True)
                row += [np.zeros(1) if g is None else g.detach().numpy() for g in grads]
        assert tuple(made.batch_shape) + tuple(made.event_shape) == tuple(made.sample().shape)
        rows.append(row)
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(np.broadcast_to(a, b.shape), b, rtol=1e-7, atol=1e-9)


def check_moments(made: Any, count: int = 20000) -> None:
    """Samples have the mean and variance that they should have, to six standard errors."""
    firth.manual_seed(1)
    x = made.sample((count,)).double().numpy()
    mean, variance = (m.detach().double().numpy() for m in (made.mean, made.variance))
    error = np.sqrt(variance / count)
    assert (np.abs(x.mean(0) - mean) <= 6 * error + 1e-12).all(), (x.mean(0), mean, error)
    spread = ((x - mean) ** 2).std(0) / np.sqrt(count)
    assert (np.abs(x.var(0) - variance) <= 6 * spread + 1e-3 * variance).all(), (x.var(0), variance)


def check_pathwise(made: Any, leaf: Any, expected: float, tolerance: float) -> None:
    """The mean of rsample's squares has the gradient that it should have."""
    firth.manual_seed(2)
    x = made.rsample((20000,))
    (grad,) = firth.autograd.grad((x * x).mean(), [leaf])
    assert grad.item() == pytest.approx(expected, rel=tolerance)
