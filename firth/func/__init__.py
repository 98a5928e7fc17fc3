"""`firth.func`: transforms of functions, and modules as functions of their parameters."""

from __future__ import annotations

from firth.func.modules import functional_call, stack_module_state
from firth.tensor import (
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    value_and_grad,
    vjp,
    vmap,
)

grad_and_value = value_and_grad

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "stack_module_state", "value_and_grad", "vjp", "vmap",
]  # fmt: skip
