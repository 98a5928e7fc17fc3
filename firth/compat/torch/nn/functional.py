"""`torch.nn.functional`: the names of firth.nn.functional."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.nn.functional import *

__getattr__ = refuse(globals())
