"""vmap and jvp of every op of PyTorch's database that Firth has: against a loop, and against vjp.

What is refused or differs stands in transforms.txt, one `transform op: reason` a line.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("expecttest")  # torch.testing wants it

import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_flatten, tree_unflatten

import firth
from tests.conformance.torch.compare import arguments, as_array, outputs, resolve, told

HERE = Path(__file__).resolve().parent
SAMPLES = 4
COMPARABLE = set((HERE / "comparable.txt").read_text(encoding="utf-8").split())
OPS = sorted(
    {o.name: o for o in op_db if o.name in COMPARABLE and resolve(o.name) is not None}.items()
)


def _expected() -> dict[str, str]:
    lines = (HERE / "transforms.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


KNOWN = _expected()


def _calls(info: Any) -> list[tuple[Callable[..., Any], list[firth.Tensor], list[np.ndarray]]]:
    """Functions of tensors alone, tensors for them, and what they give."""
    if torch.float64 not in info.supported_dtypes("cpu"):
        return []
    ours, out = resolve(info.name), []
    assert ours is not None
    samples = info.sample_inputs("cpu", torch.float64, requires_grad=False)
    for sample, _ in zip(samples, range(SAMPLES), strict=False):
        leaves, spec = tree_flatten(arguments(sample))
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, firth.Tensor)]

        def call(*tensors: Any, leaves: Any = leaves, spec: Any = spec, at: Any = places) -> Any:
            row = list(leaves)
            for i, t in zip(at, tensors, strict=True):
                row[i] = t
            x, args, kwargs = tree_unflatten(row, spec)
            return tuple(v for v in outputs(ours(x, *args, **kwargs)) if hasattr(v, "shape"))

        tensors = [leaves[i] for i in places]
        try:
            expected = [as_array(v) for v in call(*(t.clone() for t in tensors))]
        except Exception:  # values are compared elsewhere
            continue
        if expected and places:
            out.append((call, tensors, expected))
    return out


def _vmap(call: Any, tensors: list[firth.Tensor], expected: list[np.ndarray]) -> str:
    found = firth.vmap(call, randomness="same")(*(firth.stack([t, t]) for t in tensors))
    for a, b in zip(map(as_array, found), expected, strict=True):
        for each in a:
            if each.shape != b.shape or not np.allclose(each, b, 1e-8, 1e-8, equal_nan=True):
                return "differs from a loop"
    return ""


def _jvp(call: Any, tensors: list[firth.Tensor], expected: list[np.ndarray]) -> str:
    """<jvp(t), g> is <t, vjp(g)>."""
    at = [i for i, t in enumerate(tensors) if t.dtype is firth.float64]
    rng = np.random.default_rng(0)

    def floats(*given: Any) -> Any:
        row = list(tensors)
        for i, t in zip(at, given, strict=True):
            row[i] = t
        return tuple(v for v in call(*row) if v.dtype is firth.float64)

    if not at or not any(e.dtype == np.float64 for e in expected):
        return ""
    given = tuple(tensors[i] for i in at)
    along = tuple(firth.from_numpy(rng.standard_normal(tuple(t.shape))) for t in given)
    values, pull = firth.vjp(floats, *given)
    cotangents = tuple(firth.from_numpy(rng.standard_normal(tuple(v.shape))) for v in values)
    back = sum(float((a * b).sum()) for a, b in zip(pull(cotangents), along, strict=True))
    moved = firth.jvp(floats, given, along)[1]
    ahead = sum(float((a * b).sum()) for a, b in zip(moved, cotangents, strict=True))
    same = np.isclose(ahead, back, rtol=1e-7, atol=1e-7, equal_nan=True)
    return "" if same or not np.isfinite(ahead) else f"jvp {ahead:.6g}, vjp {back:.6g}"


@pytest.mark.parametrize("name", ["vmap", "jvp"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op[0])
def test_transform(op: Any, name: str) -> None:
    check, why = {"vmap": _vmap, "jvp": _jvp}[name], ""
    for call, tensors, expected in _calls(op[1]):
        try:
            why = why or check(call, tensors, expected)
        except Exception as error:
            why = why or told(error)
    key = f"{name} {op[0]}"
    if key in KNOWN:
        assert why, f"{key} works now: take it out of transforms.txt"
        pytest.skip(KNOWN[key])
    assert not why, why
