"""`torch.backends`: the switches that programs set; Firth's results never depend on them."""

from firth.compat.missing import refuse
from firth.compat.torch.backends import cuda, cudnn, mps

__all__ = ["cuda", "cudnn", "mps"]

__getattr__ = refuse(globals())
