"""`torch.nn.parameter`: the name Parameter."""

from firth.compat.missing import refuse
from firth.nn import Parameter

__all__ = ["Parameter"]

__getattr__ = refuse(globals())
