"""Gradient clipping, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

from firth.base.errors import GradientError, message
from firth.tensor import Tensor, cat, maximum, no_grad, where, zeros
from firth.tensor.arguments import guarded

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    given = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in given if p.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of all tensors taken as one vector: () float."""
    flat = [t.detach() for t in tensors]
    if not flat:
        return zeros(())
    if math.isinf(norm_type):
        total = flat[0].abs().max()
        for t in flat[1:]:
            total = maximum(total, t.abs().max())
    else:
        total = (flat[0].abs() ** norm_type if norm_type != 2 else flat[0] * flat[0]).sum()
        for t in flat[1:]:
            total = total + (t.abs() ** norm_type if norm_type != 2 else t * t).sum()
        total = total.sqrt() if norm_type == 2 else total ** (1.0 / norm_type)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise GradientError(
            message(
                "clip_grad_norm_",
                "the total norm is not finite",
                str(total.item()),
                "a finite norm",
                "look for overflow, or pass error_if_nonfinite=False",
            )  # fmt: skip
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scales gradients so that their norm together is at most `max_norm`; gives the norm before.

    Works inside `firth.jit`: nothing is read.
    """
    with no_grad():
        grads = _gradients(parameters)
        total = get_total_norm(grads, norm_type, error_if_nonfinite)
        scale = max_norm / (total + 1e-6)
        scale = where(scale < 1.0, scale, 1.0)
        for grad in grads:
            grad.copy_(grad * scale.to(grad.dtype))
        return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Holds every element of the gradients between -clip_value and clip_value."""
    with no_grad():
        for grad in _gradients(parameters):
            grad.copy_(grad.clamp(-clip_value, clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters one after the other: (n,)."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copies consecutive parts of a vector (n,) into the parameters."""
    start = 0
    with no_grad():
        for p in parameters:
            count = math.prod(p.shape)
            p.copy_(vec[start : start + count].reshape(p.shape))
            start += count


guarded(globals(), __all__)
