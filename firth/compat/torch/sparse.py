"""`torch.sparse`: `firth.sparse`."""

import firth.sparse as _sparse
from firth.compat.missing import refuse, show

show(globals(), _sparse)
__getattr__ = refuse(globals())
