"""PyTorch's names over Firth: `import firth.compat.torch as torch`.

A package of names and no second mechanism: everything here is Firth's own object. A name that is
missing raises AttributeError with the nearest one there is.
"""

# ruff: noqa: F403
from firth import *
from firth.compat.torch import (
    accelerator,
    amp,
    autograd,
    backends,
    cuda,
    distributions,
    linalg,
    mps,
    nn,
    optim,
    random,
    serialization,
    utils,
)
from firth.compat.torch._legacy import (
    BoolTensor,
    ByteTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    autocast,
    compile,
    get_num_threads,
    set_float32_matmul_precision,
    set_num_threads,
    use_deterministic_algorithms,
)
from firth.compat.torch._missing import install_finder, refuse
from firth.compat.torch.serialization import load, save

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "DoubleTensor",
    "FloatTensor",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "accelerator",
    "amp",
    "autocast",
    "autograd",
    "backends",
    "compile",
    "cuda",
    "distributions",
    "get_num_threads",
    "linalg",
    "load",
    "mps",
    "nn",
    "optim",
    "random",
    "save",
    "serialization",
    "set_float32_matmul_precision",
    "set_num_threads",
    "use_deterministic_algorithms",
    "utils",
]

install_finder()
__getattr__ = refuse(globals())
