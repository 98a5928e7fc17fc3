"""`torch.nn.utils`: the names of firth.nn.utils."""

import firth.nn.utils as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
