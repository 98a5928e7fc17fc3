"""PyTorch's optimizer database against Firth: `python -m tests.conformance.torch.optimizers`."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

import firth
from firth import optim
from tests.conformance.torch.compare import Result, told

# How PyTorch runs a step, which has no meaning here.
_IGNORED = ("foreach", "fused", "differentiable", "capturable")
STEPS = 8
_LIMITS = {"float32": 1e-4, "float64": 1e-10}


def entries() -> dict[str, Any]:
    """The database's entries of optimizers that exist here."""
    return {
        info.optim_cls.__name__: info
        for info in optim_db if hasattr(optim, info.optim_cls.__name__)
    }  # fmt: skip


def missing() -> list[str]:
    """The database's optimizers that do not exist here."""
    return [i.optim_cls.__name__ for i in optim_db if not hasattr(optim, i.optim_cls.__name__)]


def _option(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else firth.tensor(value.numpy())
    if isinstance(value, (tuple, list)):
        return type(value)(_option(v) for v in value)
    return value


def _walk(lib: Any, make: Any, kwargs: dict[str, Any], dtype: str) -> list[np.ndarray]:
    """Where two parameters are after each of several steps downhill."""
    start = np.random.default_rng(0)
    kind = getattr(lib, dtype)
    shapes = (3, 2), (1, 4) if make.__name__ == "Muon" else (4,), (4, 3)  # it takes matrices only
    p, q, x = (lib.tensor(start.standard_normal(s), dtype=kind) for s in shapes)
    p.requires_grad_(), q.requires_grad_()
    optimizer = make([p, q], **kwargs)
    places = []
    # at a flat minimum the rounding of a gradient turns LBFGS's direction
    curved = float(make.__name__ == "LBFGS")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = ((x @ p) ** 2).sum() + ((q - 1) ** 4 + curved * (q - 1) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)
        places += [np.array(t.detach().numpy()) for t in (p, q)]
    return places


def _gap(mine: np.ndarray, right: np.ndarray) -> float:
    """The largest difference, relative to what is above 1: uphill both may go very far."""
    return float((np.abs(mine - right) / np.maximum(np.abs(right), 1)).max())


def measure(name: str, info: Any) -> Result:
    """Every setting's trajectory in both dtypes, and the arguments to be refused."""
    result = Result(name)
    for sample in info.optim_inputs_func("cpu"):
        given = {k: v for k, v in sample.kwargs.items() if k not in _IGNORED}
        for dtype, limit in _LIMITS.items():
            torch.set_default_dtype(getattr(torch, dtype))  # of the numbers in PyTorch's state
            # Muon's orthogonal steps are not rounded to bfloat16 here
            with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
                right = _walk(torch, info.optim_cls, given, dtype)
            torch.set_default_dtype(torch.float32)
            try:
                mine = _walk(firth, getattr(optim, name),
                             {k: _option(v) for k, v in given.items()}, dtype)  # fmt: skip
                gap = max(_gap(a, b) for a, b in zip(mine, right, strict=True))
                if (name, sample.desc) == ("Muon", "Tensor lr"):
                    limit = 1e-6  # PyTorch computes the decay in the lr's own float32
                error = "" if gap <= limit else f"{sample.desc}: differs by up to {gap:.3g}"
            except Exception as failure:
                error = f"{sample.desc}: {told(failure)}"
            getattr(result, dtype).add(error)
    for wrong in info.optim_error_inputs_func("cpu", torch.float64):
        result.errors.add(_refused(name, wrong))
    return result


def _parameters(value: Any, known: dict[int, Any]) -> Any:
    """Firth's parameters; a tensor that is given twice is one tensor here too."""
    if isinstance(value, torch.Tensor):
        ours = firth.tensor(value.detach().numpy()).requires_grad_(value.requires_grad)
        return known.setdefault(id(value), ours)
    if isinstance(value, dict):
        return {k: _parameters(v, known) if k == "params" else _option(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_parameters(v, known) for v in value)
    return value


def _refused(name: str, wrong: Any) -> str:
    sample = wrong.optimizer_error_input
    params = sample.params
    if params is None:
        params = [torch.zeros(1, requires_grad=True)]
    kwargs = {k: _option(v) for k, v in sample.kwargs.items() if k not in _IGNORED}
    if any(k in sample.kwargs for k in _IGNORED):
        return ""  # about how PyTorch runs a step
    if any(isinstance(b, torch.Tensor) for b in sample.kwargs.get("betas", ())):
        return ""  # numbers and tensors may stand together here
    if isinstance(params, torch.Tensor):
        return ""  # welcome here
    if wrong.error_on is OptimizerErrorEnum.STEP_ERROR:  # of parameters that have gradients
        params = [p.requires_grad_() for p in params]
    try:
        getattr(optim, name)(_parameters(params, {}), **kwargs)
    except firth.FirthError:
        return ""
    except Exception as failure:
        return f"not our own error: {told(failure)}"
    return f"nothing is raised where PyTorch says {str(wrong.error_regex)[:70]!r}"


def main() -> None:
    """One line for each optimizer that differs, then the counts."""
    found = [measure(name, info) for name, info in entries().items()]
    for r in found:
        if not r.passes:
            print(f"{r.name}: {r.why}")
        if r.errors.wrong:
            print(f"{r.name}: {r.errors.wrong} errors: {r.errors.first}")
    print(f"{sum(r.passes for r in found)} of {len(found)} optimizers agree; missing: {missing()}")


if __name__ == "__main__":
    main()
