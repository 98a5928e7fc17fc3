"""`torch.accelerator`: there is none."""

from firth.compat.torch._absent import current_accelerator, device_count, is_available
from firth.compat.torch._missing import refuse

__all__ = ["current_accelerator", "device_count", "is_available"]

__getattr__ = refuse(globals())
