"""`torch.nn`: the names of firth.nn."""

# ruff: noqa: F401
import firth.nn as _source
from firth.compat.missing import refuse, show
from firth.compat.torch.nn import functional, init, modules, parameter, utils

show(globals(), _source)
__getattr__ = refuse(globals())
