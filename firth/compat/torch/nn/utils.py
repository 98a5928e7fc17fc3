"""`torch.nn.utils`: the names of firth.nn.utils."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.nn.utils import *

__getattr__ = refuse(globals())
