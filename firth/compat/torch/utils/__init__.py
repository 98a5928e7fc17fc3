"""`torch.utils`: the part of it that is about data."""

from firth.compat.missing import refuse
from firth.compat.torch.utils import data

__all__ = ["data"]

__getattr__ = refuse(globals())
