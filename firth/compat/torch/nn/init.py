"""`torch.nn.init`: the names of firth.nn.init."""

import firth.nn.init as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
