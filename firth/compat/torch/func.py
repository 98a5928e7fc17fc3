"""`torch.func`: the names of firth.func."""

import firth.func as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
