"""`torch.distributions`: the names of firth.distributions."""

import firth.distributions as _source
from firth.compat.missing import refuse, show

show(globals(), _source)
__getattr__ = refuse(globals())
