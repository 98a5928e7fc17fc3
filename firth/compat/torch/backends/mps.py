"""`torch.backends.mps`: there is none."""

from firth.compat.torch._absent import is_available, is_built
from firth.compat.torch._missing import refuse

__all__ = ["is_available", "is_built"]

__getattr__ = refuse(globals())
