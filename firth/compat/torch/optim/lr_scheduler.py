"""`torch.optim.lr_scheduler`: the names of firth.optim.lr_scheduler."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.optim.lr_scheduler import *

__getattr__ = refuse(globals())
