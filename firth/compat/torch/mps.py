"""`torch.mps`: there is none."""

from firth.compat.torch._absent import device_count, empty_cache, is_available, manual_seed
from firth.compat.torch._missing import refuse

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed"]

__getattr__ = refuse(globals())
