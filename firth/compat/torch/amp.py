"""`torch.amp`: mixed precision in its disabled form."""

from firth.compat.missing import refuse
from firth.compat.torch._legacy import GradScaler, autocast

__all__ = ["GradScaler", "autocast"]

__getattr__ = refuse(globals())
