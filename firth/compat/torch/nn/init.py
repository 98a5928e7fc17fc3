"""`torch.nn.init`: the names of firth.nn.init."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.nn.init import *

__getattr__ = refuse(globals())
