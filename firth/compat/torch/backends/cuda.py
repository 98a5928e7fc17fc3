"""`torch.backends.cuda`: switches of a device that is not there; setting them changes nothing."""

from types import SimpleNamespace

from firth.compat.missing import refuse
from firth.compat.torch._absent import is_built

__all__ = ["is_built", "matmul"]

matmul = SimpleNamespace(allow_tf32=False)

__getattr__ = refuse(globals())
