"""`torch.nn.functional`: the names of firth.nn.functional."""

import firth.nn.functional as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
