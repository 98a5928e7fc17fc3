"""`torch.linalg`: `firth.linalg`."""

import firth.linalg as _linalg
from firth.compat.missing import refuse, show

show(globals(), _linalg)
__getattr__ = refuse(globals())
