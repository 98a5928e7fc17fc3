"""`torch.optim.lr_scheduler`: the names of firth.optim.lr_scheduler."""

import firth.optim.lr_scheduler as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
