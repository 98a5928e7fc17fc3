"""PyTorch as the oracle: the same weights and inputs in float64 on both sides."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import firth
from firth import nn

torch = pytest.importorskip("torch")


def arrays(module: Any) -> dict[str, np.ndarray]:
    return {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}


class Oracle:
    """Compares results and gradients with PyTorch's."""

    tolerance = 1e-10

    def close(self, ours: Any, theirs: Any, what: str = "", rtol: float | None = None) -> None:
        rtol = self.tolerance if rtol is None else rtol
        ours, theirs = np.asarray(ours.detach()), theirs.detach().numpy()
        assert ours.shape == theirs.shape, what
        assert ours.dtype == theirs.dtype, what
        scale = max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)))
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale, err_msg=what)

    def function(
        self, ours: Callable[..., Any], theirs: Callable[..., Any], *inputs: np.ndarray
    ) -> None:
        """Values and gradients of every float input."""
        a = [firth.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        b = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
        y, z = ours(*a), theirs(*b)
        self.close(y, z, "value")
        weight = np.random.default_rng(1).normal(size=tuple(z.shape))
        (y * firth.tensor(weight)).sum().backward()
        (z * torch.tensor(weight)).sum().backward()
        for i, (p, q) in enumerate(zip(a, b, strict=True)):
            if q.grad is not None:
                self.close(p.grad, q.grad, f"gradient of input {i}")

    def module(self, ours: Any, theirs: Any, *inputs: np.ndarray, scale: float = 1.0) -> None:
        """Results, gradients and buffers of two modules with the same (scaled) weights."""
        theirs = theirs.double()
        with torch.no_grad():
            for q in theirs.parameters():
                q.mul_(scale)
        ours = ours.double()
        ours.load_state_dict(arrays(theirs))
        ours.train(theirs.training)
        assert list(ours.state_dict()) == list(theirs.state_dict())
        self.function(ours, theirs, *inputs)
        for (name, p), (other, q) in zip(
            ours.named_parameters(), theirs.named_parameters(), strict=True
        ):
            assert name == other
            if q.grad is None:
                assert p.grad is None, name
            else:
                self.close(p.grad, q.grad, name)
        for name, q in theirs.state_dict().items():
            self.close(ours.state_dict()[name], q, name)


# constructor arguments are the same on both sides: (name, args, kwargs, input shape)
LayerCase = tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]
SCALES = [1.0, 30.0]


def case_name(case: Any) -> str:
    return f"{case[0]}-{case[1]}-{case[2]}".replace(" ", "")


def check_layer(case: LayerCase, scale: float) -> None:
    """One layer against PyTorch's of the same name, weights times `scale`."""
    name, args, kwargs, shape = case
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(nn, name)(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    inputs = np.random.default_rng(0).normal(size=shape) * 2
    Oracle().module(ours, theirs, inputs, scale=scale)
