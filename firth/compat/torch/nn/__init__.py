"""`torch.nn`: the names of firth.nn."""

# ruff: noqa: F403
from firth.compat.torch._missing import refuse
from firth.compat.torch.nn import functional, init, modules, parameter, utils
from firth.nn import *
from firth.nn import Module, Parameter

__all__ = ["Module", "Parameter", "functional", "init", "modules", "parameter", "utils"]

__getattr__ = refuse(globals())
