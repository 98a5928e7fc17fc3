"""`torch.cuda`: there is none."""

from firth.compat.missing import refuse
from firth.compat.torch._absent import (
    device_count,
    empty_cache,
    is_available,
    is_bf16_supported,
    manual_seed,
    manual_seed_all,
)

__all__ = [
    "device_count",
    "empty_cache",
    "is_available",
    "is_bf16_supported",
    "manual_seed",
    "manual_seed_all",
]

__getattr__ = refuse(globals())
