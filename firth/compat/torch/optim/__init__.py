"""`torch.optim`: the names of firth.optim."""

# ruff: noqa: F401
import firth.optim as _source
from firth.compat.missing import refuse, show
from firth.compat.torch.optim import lr_scheduler

show(globals(), _source)
__getattr__ = refuse(globals())
