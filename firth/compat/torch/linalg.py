"""`torch.linalg`: the names of it that Firth has."""

from firth.compat.torch._missing import refuse

__getattr__ = refuse(globals())
