"""`torch.utils.data`: the names of firth.data."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.data import *

__getattr__ = refuse(globals())
