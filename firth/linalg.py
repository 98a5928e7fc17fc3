"""`firth.linalg`: linear algebra under torch.linalg's names. Everything takes batches (..., m, n).

>>> import firth
>>> a = firth.tensor([[4.0, 2.0], [2.0, 2.0]])
>>> firth.linalg.solve(a, firth.tensor([2.0, 1.0])).tolist()
[0.5, 0.0]
"""

from __future__ import annotations

from firth.base.errors import LinAlgError
from firth.tensor import factorizations, linalg, norms
from firth.tensor.arguments import guarded

globals().update({**linalg.LINALG, **factorizations.LINALG, **norms.LINALG})

__all__ = [  # noqa: PLE0604
    "LinAlgError", *linalg.LINALG, *factorizations.LINALG, *norms.LINALG,
]  # fmt: skip

guarded(globals(), __all__)
