"""`torch.mps`: there is none."""

from firth.compat.missing import refuse
from firth.compat.torch._absent import device_count, empty_cache, is_available, manual_seed

__all__ = ["device_count", "empty_cache", "is_available", "manual_seed"]

__getattr__ = refuse(globals())
