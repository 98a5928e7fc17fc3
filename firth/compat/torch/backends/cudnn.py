"""`torch.backends.cudnn`: switches of a library that is not there; setting them changes nothing."""

from firth.compat.missing import refuse
from firth.compat.torch._absent import is_available

__all__ = ["allow_tf32", "benchmark", "deterministic", "enabled", "is_available"]

enabled = False
benchmark = False
deterministic = True  # Firth's results never depend on threads or tuning
allow_tf32 = False

__getattr__ = refuse(globals())
