"""`firth.autograd`: gradients by name, the switches, and functions with gradients of their own."""

from __future__ import annotations

from firth.tensor.backward import backward, grad
from firth.tensor.function import Context, Function
from firth.tensor.gradmode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)

__all__ = [
    "Context", "Function", "backward", "enable_grad", "grad", "inference_mode", "is_grad_enabled",
    "no_grad", "set_grad_enabled",
]  # fmt: skip
