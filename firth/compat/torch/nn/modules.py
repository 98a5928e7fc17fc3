"""`torch.nn.modules`: the names of firth.nn, where some programs look for them."""

import firth.nn as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
