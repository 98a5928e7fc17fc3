"""`torch.amp`: mixed precision in its disabled form."""

from firth.compat.torch._legacy import GradScaler, autocast
from firth.compat.torch._missing import refuse

__all__ = ["GradScaler", "autocast"]

__getattr__ = refuse(globals())
