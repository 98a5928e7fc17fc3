"""`torch.nn.modules`: the names of firth.nn, where some programs look for them."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.nn import *

__getattr__ = refuse(globals())
