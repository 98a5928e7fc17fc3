"""`tf.math`."""

from firth.compat.missing import refuse
from firth.compat.tensorflow import _functions
from firth.compat.tensorflow._functions import ELEMENTWISE, FUNCTIONS, global_norm  # noqa: F401
from firth.compat.tensorflow.nn import log_softmax, softmax, softplus, softsign, top_k  # noqa: F401

_MORE = (
    "pow", "argmax", "argmin", "cumsum", "cumprod", "reciprocal", "squared_difference", "truediv",
    "floordiv", "is_nan", "is_inf", "is_finite", "atan2", "add_n",
)  # fmt: skip
_REDUCTIONS = tuple(name for name in FUNCTIONS if name.startswith("reduce_"))
globals().update({name: FUNCTIONS[name] for name in (*ELEMENTWISE, *_MORE, *_REDUCTIONS)})


def l2_normalize(x, axis=None, epsilon=1e-12, name=None):  # type: ignore[no-untyped-def]
    """x divided by its norm along an axis."""
    x = _functions.convert_to_tensor(x)
    square = x.square().sum(tuple(range(x.ndim)) if axis is None else axis, True)
    return x / square.clamp(min=epsilon).sqrt()


def count_nonzero(input, axis=None, keepdims=None, dtype="int64", name=None):  # type: ignore[no-untyped-def]
    """How many elements are not 0."""
    x = _functions.convert_to_tensor(input)
    dims = tuple(range(x.ndim)) if axis is None else axis
    return (x != 0).to(_functions.dtype_of(dtype)).sum(dims, bool(keepdims))


__getattr__ = refuse(globals())
