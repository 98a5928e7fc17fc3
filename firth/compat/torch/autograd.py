"""`torch.autograd`: the names of firth.autograd."""

from firth.compat.torch._legacy import Variable
from firth.compat.torch._missing import refuse

__all__ = ["Variable"]

__getattr__ = refuse(globals())
