"""`torch.backends.mps`: there is none."""

from firth.compat.missing import refuse
from firth.compat.torch._absent import is_available, is_built

__all__ = ["is_available", "is_built"]

__getattr__ = refuse(globals())
