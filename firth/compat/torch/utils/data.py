"""`torch.utils.data`: the names of firth.data."""

import firth.data as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
