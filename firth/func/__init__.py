"""`firth.func`: transforms of functions, and modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firth.func.modules import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
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
from firth.tensor.arguments import guarded


def grad_and_value(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives (gradient, value): `value_and_grad` the other way round, as in PyTorch.

    >>> import firth
    >>> g, value = grad_and_value(lambda x: x * x)(firth.tensor(3.0))
    >>> g.item(), value.item()
    (6.0, 9.0)
    """
    both = value_and_grad(func, argnums, has_aux)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return g, value

    return wrapped


__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp",
    "linearize", "replace_all_batch_norm_modules_", "stack_module_state", "value_and_grad",
    "vjp", "vmap",
]  # fmt: skip

guarded(globals(), __all__)
