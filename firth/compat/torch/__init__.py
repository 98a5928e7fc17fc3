"""PyTorch's names over Firth: `import firth.compat.torch as torch`.

A package of names and no second mechanism: everything here is Firth's own object. A name that is
missing raises AttributeError with the nearest one there is.
"""

# ruff: noqa: F401
import firth as _firth
from firth.compat.missing import install_finder, refuse, show
from firth.compat.torch import (
    accelerator,
    amp,
    autograd,
    backends,
    cuda,
    distributions,
    func,
    linalg,
    mps,
    nn,
    optim,
    random,
    serialization,
    sparse,
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
    cond,
    get_num_threads,
    set_float32_matmul_precision,
    set_num_threads,
    use_deterministic_algorithms,
)
from firth.compat.torch.serialization import load, save

# Programs compare it with the PyTorch they need; these are the names of that release.
__version__ = "2.13.0+firth"
show(globals(), _firth, hide=("compat", "data", "metrics"))
install_finder()
__getattr__ = refuse(globals())
