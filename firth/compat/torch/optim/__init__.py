"""`torch.optim`: the names of firth.optim."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.compat.torch.optim import lr_scheduler
from firth.optim import *
from firth.optim import Optimizer

__all__ = ["Optimizer", "lr_scheduler"]

__getattr__ = refuse(globals())
