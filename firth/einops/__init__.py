"""`firth.einops`: axes by name. `rearrange`, `reduce`, `repeat`, `einsum`, `pack` and `unpack`.

>>> import firth
>>> from firth.einops import rearrange
>>> rearrange(firth.zeros(8, 3, 32, 32), "b c (h p) (w q) -> b (h w) (c p q)", p=4, q=4).shape
Size([8, 64, 48])
"""

from firth.einops.functions import einsum, parse_shape, rearrange, reduce, repeat
from firth.einops.packing import pack, unpack
from firth.tensor.arguments import guarded

__all__ = ["einsum", "pack", "parse_shape", "rearrange", "reduce", "repeat", "unpack"]

guarded(globals(), __all__)
