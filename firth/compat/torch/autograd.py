"""`torch.autograd`: the names of firth.autograd."""

# ruff: noqa: F401
from firth.compat.missing import refuse, show
from firth.compat.torch._legacy import Variable
from firth.tensor import autograd as _source

show(globals(), _source)
__getattr__ = refuse(globals())
