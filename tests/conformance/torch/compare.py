"""One sample of PyTorch's operator database here and there: values, gradients, errors."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_flatten, tree_map

import firth
from firth.base.errors import FirthError

# relative, absolute: values of each dtype, and gradients in float64
VALUES = {torch.float32: (1e-4, 1e-5), torch.float64: (1e-10, 1e-10)}
GRADIENTS = (1e-8, 1e-8)
_IGNORED = ("device", "layout", "pin_memory", "memory_format", "out")


@dataclass
class Count:
    """How many samples were right, and what the first wrong one said."""

    right: int = 0
    wrong: int = 0
    first: str = ""

    def add(self, error: str) -> None:
        """Counts one sample; an empty error is a right one."""
        if error:
            self.wrong += 1
            self.first = self.first or error
        else:
            self.right += 1


@dataclass
class Result:
    """What one op did: a count for each of float32, float64, gradients and error inputs."""

    name: str
    missing: bool = False
    float32: Count = field(default_factory=Count)
    float64: Count = field(default_factory=Count)
    gradients: Count = field(default_factory=Count)
    errors: Count = field(default_factory=Count)

    @property
    def passes(self) -> bool:
        """Whether there was something to compare and all values and gradients are right."""
        counts = (self.float32, self.float64, self.gradients)
        return not self.missing and any(c.right for c in counts) and not any(
            c.wrong for c in counts
        )  # fmt: skip

    @property
    def why(self) -> str:
        """The first thing that is wrong."""
        if self.missing:
            return "missing"
        kinds = ("float32", "float64", "gradients")
        found = [f"{k}: {getattr(self, k).first}" for k in kinds if getattr(self, k).wrong]
        return found[0] if found else "nothing to compare"


# PyTorch's database gives these the arguments in another order than the functions have.
_ORDERS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "where": lambda f: lambda x, condition, y: f(condition, x, y),
    "einsum": lambda f: lambda tensors, equation: f(equation, *tensors),
    "nn.functional.embedding": lambda f: lambda weight, i, **kwargs: f(i, weight, **kwargs),
    "zero_": lambda f: lambda x: f(x.clone()),
    "broadcast_shapes": lambda f: lambda *shapes: firth.ones(f(*shapes)),
}


def resolve(name: str) -> Callable[..., Any] | None:
    """firth's function for an entry of the database, as the database calls it."""
    found = _function(name)
    return found if found is None or name not in _ORDERS else _ORDERS[name](found)


def _function(name: str) -> Callable[..., Any] | None:
    """firth's function of a dotted name, else the method or property of Tensor."""
    found: Any = firth
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            found = None
            break
    if callable(found) and not isinstance(found, firth.DType):
        return found  # type: ignore[no-any-return]
    if "." in name:
        return None
    method = getattr(firth.Tensor, name, None)
    if isinstance(method, property):
        return lambda x: getattr(x, name)
    return method if callable(method) else None


def there(value: Any) -> Any:
    """A PyTorch value as Firth's."""
    if isinstance(value, torch.Tensor):
        plain = value.detach().resolve_conj().resolve_neg().contiguous()
        kind = getattr(firth, str(value.dtype).removeprefix("torch."))
        if value.dtype is torch.bfloat16:
            ours = firth.tensor(plain.float().numpy()).to(kind)
        else:
            ours = firth.tensor(plain.numpy().reshape(value.shape), dtype=kind)
        return ours.requires_grad_(True) if value.requires_grad else ours
    if isinstance(value, torch.nn.PairwiseDistance):
        options = value.norm, value.eps, value.keepdim
        return lambda a, b: firth.nn.functional.pairwise_distance(a, b, *options)
    if isinstance(value, torch.dtype):
        return getattr(firth, str(value).removeprefix("torch."))
    return value


def arguments(sample: Any) -> tuple[Any, Any, Any]:
    """(input, args, kwargs) of a sample for Firth; what only PyTorch has is left out."""
    kwargs = {k: v for k, v in sample.kwargs.items() if k not in _IGNORED}
    return tree_map(there, (sample.input, tuple(sample.args), kwargs))  # type: ignore[no-any-return]


def copied(sample: Any) -> tuple[Any, Any, Any]:
    """The sample's arguments for PyTorch as leaves of their own."""

    def fresh(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return value.detach().clone().requires_grad_(value.requires_grad)

    return tree_map(fresh, (sample.input, tuple(sample.args), dict(sample.kwargs)))  # type: ignore[no-any-return]


def outputs(value: Any) -> list[Any]:
    """The tensors of a result, in order; numbers and bools of a plain result too."""
    if hasattr(value, "_fields"):
        value = tuple(value)
    flat = tree_flatten(value)[0]
    return [v for v in flat if isinstance(v, (torch.Tensor, firth.Tensor, bool, int, float))]


def as_array(value: Any) -> np.ndarray:
    """A tensor of either library, or a number, as NumPy's."""
    if isinstance(value, torch.Tensor):
        value = value.detach().resolve_conj().resolve_neg()
        plain = value.float() if value.dtype is torch.bfloat16 else value
        return plain.numpy(force=True)  # PyTorch has zeros without memory
    if isinstance(value, firth.Tensor):
        value = value.detach()
        return (value.float() if value.dtype is firth.bfloat16 else value).numpy()
    return np.asarray(value)


def differ(got: Any, want: Any, rtol: float, atol: float) -> str:
    """What differs between two results, empty when nothing does."""
    ours, theirs = outputs(got), outputs(want)
    if len(ours) != len(theirs):
        return f"{len(ours)} results instead of {len(theirs)}"
    for mine, right in zip(ours, theirs, strict=True):
        a, b = as_array(mine), as_array(right)
        if a.shape != b.shape:
            return f"shape {a.shape} instead of {b.shape}"
        if a.dtype != b.dtype and isinstance(right, torch.Tensor):
            return f"dtype {a.dtype} instead of {b.dtype}"
        if not np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
            with np.errstate(all="ignore"):
                gap = np.max(np.abs(np.asarray(a, np.complex128) - b)) if a.size else 0.0
            return f"values differ by up to {gap:.3g}"
    return ""


def told(error: BaseException) -> str:
    """An exception on one short line."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:160]


# Vectors have a sign that LAPACKs choose differently; the database then compares their sizes.
FREE_SIGNS = ("linalg.eig", "linalg.eigh", "linalg.svd", "svd")


def _as_they_are(results: Any) -> Any:
    return results


def values(
    ours: Callable[..., Any],
    op: Callable[..., Any],
    sample: Any,
    dtype: Any,
    shown: Callable[..., Any] = _as_they_are,
) -> str | None:
    """Compares one sample's values; None where PyTorch itself refuses the sample."""
    x, args, kwargs = copied(sample)
    try:
        with torch.no_grad():
            want = shown(op(x, *args, **kwargs))
    except Exception:
        return None
    try:
        x, args, kwargs = arguments(sample)
        return differ(shown(ours(x, *args, **kwargs)), want, *VALUES[dtype])
    except Exception as error:
        return told(error)


def _leaves(value: Any) -> list[Any]:
    kinds = (torch.Tensor, firth.Tensor)
    return [t for t in tree_flatten(value)[0] if isinstance(t, kinds) and t.requires_grad]


def _cotangents(results: list[Any], name: str) -> list[np.ndarray]:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    out = []
    for r in results:
        g = rng.standard_normal(tuple(r.shape))
        if r.is_complex():
            g = g + 1j * rng.standard_normal(tuple(r.shape))
        out.append(np.asarray(g))
    return out


def gradients(
    ours: Callable[..., Any], op: Callable[..., Any], sample: Any, name: str
) -> str | None:
    """Compares vector-Jacobian products on equal cotangents; None where PyTorch has none."""
    given = copied(sample)
    leaves = _leaves(given)
    try:
        results = sample.output_process_fn_grad(op(given[0], *given[1], **given[2]))
        live = [
            isinstance(r, torch.Tensor) and r.requires_grad and r.numel() > 0
            for r in outputs(results)
        ]
        picked = [r for r, ok in zip(outputs(results), live, strict=True) if ok]
        if not leaves or not picked:
            return None
        pulls = _cotangents(picked, name)
        want = torch.autograd.grad(
            picked, leaves, [torch.from_numpy(g).to(r.dtype) for g, r in zip(pulls, picked)],
            allow_unused=True,
        )  # fmt: skip
    except Exception:
        return None
    try:
        given = arguments(sample)
        mine = _leaves(given)
        found = outputs(sample.output_process_fn_grad(ours(given[0], *given[1], **given[2])))
        chosen = [r for r, ok in zip(found, live) if ok]
        if len(chosen) != len(pulls):
            return f"{len(chosen)} differentiable results instead of {len(pulls)}"
        # a result that does not depend on any leaf has zeros for gradients
        flowing = [(r, g) for r, g in zip(chosen, pulls, strict=True) if r.requires_grad]
        got: Any = [None] * len(mine)
        if flowing:
            got = firth.autograd.grad(
                [r for r, _ in flowing], mine, [firth.tensor(g).to(r.dtype) for r, g in flowing],
                allow_unused=True,
            )  # fmt: skip
        return _grads_differ(got, want, leaves)
    except Exception as error:
        return told(error)


def _grads_differ(got: Any, want: Any, leaves: list[Any]) -> str:
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        zero = torch.zeros_like(leaves[i])
        mine = np.zeros(tuple(zero.shape)) if a is None else as_array(a)
        right = as_array(zero if b is None else b)
        if mine.shape != right.shape:
            return f"gradient {i}: shape {mine.shape} instead of {right.shape}"
        if not np.allclose(mine, right, rtol=GRADIENTS[0], atol=GRADIENTS[1], equal_nan=True):
            with np.errstate(all="ignore"):
                return f"gradient {i} differs by up to {np.max(np.abs(mine - right)):.3g}"
    return ""


def has_meaning(wrong: Any) -> bool:
    """Whether an error input is about something that Firth has too.

    Not `out=`, other devices and layouts, more dimensions than NumPy has, and what is welcome here:
    numbers where PyTorch wants tensors, windows of half precision.
    """
    sample = wrong.sample_input
    leaves = tree_flatten((sample.input, sample.args, sample.kwargs))[0]
    tensors = [t for t in leaves if isinstance(t, torch.Tensor)]
    layout = sample.kwargs.get("layout", torch.strided)
    if layout is not torch.strided or "float32 or float64" in str(wrong.error_regex):
        return False
    if "out" in sample.kwargs or any(t.is_meta or t.ndim > 64 for t in tensors):
        return False
    operands = (sample.input, *sample.args)
    number = any(isinstance(x, (int, float)) for x in operands)
    return not (number and len(operands) == 2 and wrong.error_regex == "")


def error(ours: Callable[..., Any], wrong: Any) -> str:
    """What happens on arguments that PyTorch refuses: empty when Firth's own error is raised."""
    sample = wrong.sample_input
    try:
        x, args, kwargs = arguments(sample)
        result = ours(x, *args, **kwargs)
        for r in outputs(result):
            as_array(r)
    except FirthError:
        return ""
    except Exception as found:
        return f"not our own error: {told(found)}"
    return f"nothing is raised where PyTorch says {str(wrong.error_regex)[:80]!r}"


def samples(op: Any, dtype: Any, requires_grad: bool = False) -> Iterator[Any]:
    """The op's samples, drawn from the same seed each time."""
    torch.manual_seed(0)
    np.random.seed(0)
    return iter(op.sample_inputs("cpu", dtype, requires_grad=requires_grad))


def run(op: Any, name: str, cap: int | None = None, only: str = "") -> Result:
    """Every sample of one entry of the database (several entries may share a name)."""
    result = Result(name)
    ours = resolve(name)
    if ours is None:
        result.missing = True
        return result
    for dtype in VALUES:
        label = str(dtype).removeprefix("torch.")
        if dtype in op.dtypes and only in ("", label):
            for k, sample in enumerate(samples(op, dtype)):
                if cap is not None and k >= cap:
                    break
                shown = sample.output_process_fn_grad if name in FREE_SIGNS else _as_they_are
                found = values(ours, op.op, sample, dtype, shown)
                if found is not None:
                    getattr(result, label).add(found)
    if op.supports_autograd and torch.float64 in op.dtypes and only in ("", "gradients"):
        for k, sample in enumerate(samples(op, torch.float64, True)):
            if cap is not None and k >= cap:
                break
            found = gradients(ours, op.op, sample, name)
            if found is not None:
                result.gradients.add(found)
    if op.error_inputs_func is not None and only in ("", "errors"):
        for wrong in filter(has_meaning, op.error_inputs("cpu")):
            result.errors.add(error(ours, wrong))
    return result
