"""`torch.random`: the names about seeds."""

from firth import initial_seed, manual_seed
from firth.compat.missing import refuse

__all__ = ["initial_seed", "manual_seed"]

__getattr__ = refuse(globals())
