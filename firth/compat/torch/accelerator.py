"""`torch.accelerator`: there is none."""

from firth.compat.missing import refuse
from firth.compat.torch._absent import current_accelerator, device_count, is_available

__all__ = ["current_accelerator", "device_count", "is_available"]

__getattr__ = refuse(globals())
