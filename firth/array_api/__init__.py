"""The Python Array API standard, version 2025.12, over Firth's tensors.

The names and signatures are the standard's (https://data-apis.org/array-api/2025.12/); what they
do is Firth's own functions, so that gradients, `jit` and views work as everywhere.

>>> from firth import array_api as xp
>>> x = xp.asarray([3.0, 1.0, 2.0])
>>> xp.sort(x, descending=True).tolist()
[3.0, 2.0, 1.0]
>>> x.__array_namespace__() is xp
True
"""

from math import e, inf, nan, pi

from firth.array_api import fft, linalg
from firth.array_api.creation import (
    arange,
    asarray,
    empty,
    empty_like,
    eye,
    from_dlpack,
    full,
    full_like,
    linspace,
    meshgrid,
    ones,
    ones_like,
    tril,
    triu,
    zeros,
    zeros_like,
)
from firth.array_api.dtypes import astype, can_cast, finfo, iinfo, isdtype, result_type
from firth.array_api.elementwise import *  # noqa: F403
from firth.array_api.elementwise import __all__ as _elementwise
from firth.array_api.info import __array_namespace_info__
from firth.array_api.linalg import matmul, matrix_transpose, tensordot, vecdot
from firth.array_api.manipulation import (
    broadcast_arrays,
    broadcast_shapes,
    broadcast_to,
    concat,
    expand_dims,
    flip,
    moveaxis,
    permute_dims,
    repeat,
    reshape,
    roll,
    squeeze,
    stack,
    tile,
    unstack,
)
from firth.array_api.searching import (
    argmax,
    argmin,
    argsort,
    count_nonzero,
    isin,
    nonzero,
    searchsorted,
    sort,
    take,
    take_along_axis,
    unique_all,
    unique_counts,
    unique_inverse,
    unique_values,
    where,
)
from firth.array_api.statistics import (
    all,
    any,
    cumulative_prod,
    cumulative_sum,
    diff,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from firth.base.dtype import (
    bool_ as bool,
)
from firth.base.dtype import (
    complex64,
    complex128,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from firth.tensor.arguments import guarded

newaxis = None
__array_api_version__ = "2025.12"

__all__ = [  # noqa: PLE0604
    "__array_api_version__", "__array_namespace_info__", *_elementwise, "all", "any", "arange",
    "argmax", "argmin", "argsort", "asarray", "astype", "bool", "broadcast_arrays",
    "broadcast_shapes", "broadcast_to", "can_cast", "complex128", "complex64", "concat",
    "count_nonzero", "cumulative_prod", "cumulative_sum", "diff", "e", "empty", "empty_like",
    "expand_dims", "eye", "fft", "finfo", "flip", "float32", "float64", "from_dlpack", "full",
    "full_like", "iinfo", "inf", "int16", "int32", "int64", "int8", "isdtype", "isin", "linalg",
    "linspace", "matmul", "matrix_transpose", "max", "mean", "meshgrid", "min", "moveaxis", "nan",
    "newaxis", "nonzero", "ones", "ones_like", "permute_dims", "pi", "prod", "repeat", "reshape",
    "result_type", "roll", "searchsorted", "sort", "squeeze", "stack", "std", "sum", "take",
    "take_along_axis", "tensordot", "tile", "tril", "triu", "uint16", "uint32", "uint64", "uint8",
    "unique_all", "unique_counts", "unique_inverse", "unique_values", "unstack", "var", "vecdot",
    "where", "zeros", "zeros_like",
]  # fmt: skip

guarded(globals(), __all__)
