"""Tensors: eager on the outside, recorded inside. The public names of `import firth`."""

from __future__ import annotations

from firth.tensor import autograd
from firth.tensor.arguments import guarded
from firth.tensor.control import cond, scan, switch, while_loop
from firth.tensor.creation import (
    arange,
    as_tensor,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    get_default_dtype,
    linspace,
    ones,
    ones_like,
    set_default_dtype,
    tensor,
    zeros,
    zeros_like,
)
from firth.tensor.debug import debug
from firth.tensor.forward import hessian, jacfwd, jacrev, jvp, linearize
from firth.tensor.function import custom_jvp, custom_vjp
from firth.tensor.functional import grad, value_and_grad, vjp
from firth.tensor.gradmode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from firth.tensor.handle import Size, Tensor
from firth.tensor.jit import jit
from firth.tensor.methods import FUNCTIONS
from firth.tensor.profile import profile
from firth.tensor.random import Generator, default_generator
from firth.tensor.reading import from_dlpack
from firth.tensor.strict import is_strict, set_strict
from firth.tensor.vmap import vmap

# Functions made from tables: firth.exp, firth.add, firth.cat, ...
globals().update(FUNCTIONS)

__all__ = [  # noqa: PLE0604
    "Generator", "Size", "Tensor", "arange", "as_tensor", "autograd", "cond", "custom_jvp",
    "custom_vjp", "debug", "default_generator", "empty", "empty_like", "enable_grad", "eye",
    "from_dlpack", "from_numpy", "full", "full_like", "get_default_dtype", "grad", "hessian",
    "inference_mode", "is_grad_enabled", "is_strict", "jacfwd", "jacrev", "jit", "jvp",
    "linearize", "linspace", "no_grad", "ones", "ones_like", "profile", "scan",
    "set_default_dtype", "set_grad_enabled", "set_strict", "switch", "tensor", "value_and_grad",
    "vjp", "vmap", "while_loop", "zeros", "zeros_like", *sorted(FUNCTIONS),
]  # fmt: skip

guarded(globals(), __all__)
