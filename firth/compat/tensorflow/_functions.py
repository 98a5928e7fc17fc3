"""TensorFlow's functions of tensors: names and argument orders over Firth's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

import firth
from firth.keras import ops
from firth.keras.compiled import Compiled
from firth.keras.symbolic import is_symbolic, leaves, operate
from firth.keras.variable import Variable, dtype_of, to_tensor
from firth.nn import functional as F
from firth.tensor import Tensor


def convert_to_tensor(value: Any, dtype: Any = None, name: Any = None) -> Tensor:
    """A tensor; Python numbers become int32 and float32, arrays keep their dtype."""
    if isinstance(value, (Tensor,)) or is_symbolic(value):
        return value if dtype is None else value.to(dtype_of(dtype))
    if isinstance(value, (list, tuple)) and leaves(value, Tensor):
        value = firth.stack([convert_to_tensor(v) for v in value])
        return value if dtype is None else value.to(dtype_of(dtype))
    array = np.asarray(value)
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        kinds = {"i": "int32", "f": "float32"}
        dtype = kinds.get(array.dtype.kind)
    return to_tensor(array, dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: Any = None) -> Tensor:
    """A tensor of a value, repeated to a shape."""
    made = convert_to_tensor(value, dtype)
    if shape is None:
        return made
    return (
        made.reshape(*shape) if made.numel() > 1 else made.reshape(()).expand(tuple(shape)).clone()
    )


class Shape(tuple):
    """The extents of a tensor as `tf.shape` gives them: numbers that index and unpack."""

    def numpy(self) -> np.ndarray:
        """The extents: (n,) int32."""
        return np.asarray(self, np.int32)

    as_list = list.copy


def shape(input: Any, out_type: Any = None) -> Shape:
    """The extents of a tensor."""
    return Shape(convert_to_tensor(input).shape)


class TensorShape(Shape):
    """Extents, None where they are open."""

    def __new__(cls, dims: Any) -> TensorShape:
        return super().__new__(cls, dims)

    def as_list(self) -> list[Any]:
        """The extents as a list."""
        return list(self)

    @property
    def rank(self) -> int:
        """The number of extents."""
        return len(self)


class TensorSpec:
    """The shape and dtype of an argument of a function."""

    def __init__(self, shape: Any = None, dtype: Any = None, name: Any = None) -> None:
        self.shape, self.dtype, self.name = shape, dtype_of(dtype), name


def function(func: Any = None, input_signature: Any = None, **_: Any) -> Any:
    """The function as one compiled program per signature. NumPy arguments become tensors."""
    if func is None:
        return lambda f: function(f, input_signature)
    compiled = Compiled(func)

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        def converted(value: Any) -> Any:
            return to_tensor(value) if isinstance(value, np.ndarray) else value

        return compiled(*map(converted, args), **{k: converted(v) for k, v in kwargs.items()})

    call.python_function = func  # type: ignore[attr-defined]
    return call


def _axis(x: Tensor, axis: Any) -> Any:
    if isinstance(axis, Tensor):
        axis = axis.tolist()
    return tuple(range(x.ndim)) if axis is None else axis


def _reduce(name: str) -> Callable[..., Any]:
    reduction = getattr(ops, name)

    def reduce(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
    ) -> Any:
        if is_symbolic(input_tensor):
            return reduction(input_tensor, axis, keepdims)
        x = convert_to_tensor(input_tensor)
        found = reduction(x, axis, keepdims)
        return found.to(x.dtype) if x.dtype.is_integer and found.dtype.is_integer else found

    reduce.__doc__ = f"keras.ops.{name}; an axis of None is all of them."
    return reduce


def _renamed(name: str, target: Callable[..., Any]) -> Callable[..., Any]:
    """target on converted arguments, without `name`."""

    @wraps(target)
    def call(*args: Any, name: Any = None, **kwargs: Any) -> Any:
        plain = (int, float, bool, str, tuple, list, type(None))
        first = [a if is_symbolic(a) else convert_to_tensor(a) for a in args[:1]]
        rest = [a if isinstance(a, (*plain, Tensor)) or is_symbolic(a) else convert_to_tensor(a)
                for a in args[1:]]  # fmt: skip
        return operate(target, call.__name__, *first, *rest, **kwargs)

    call.__name__ = call.__qualname__ = name
    return call


def cast(x: Any, dtype: Any, name: Any = None) -> Any:
    """x in another dtype."""
    return operate(lambda v: convert_to_tensor(v).to(dtype_of(dtype)), "cast", x)


def where(condition: Any, x: Any = None, y: Any = None, name: Any = None) -> Any:
    """x where the condition holds, y elsewhere; a condition alone gives its positions (N, rank)."""
    if x is None and y is None:
        return firth.nonzero(convert_to_tensor(condition))
    return operate(
        lambda c, a, b: firth.where(convert_to_tensor(c), a, b), "where", condition, x, y
    )


def zeros(shape: Any, dtype: Any = None, name: Any = None) -> Tensor:
    """0 everywhere."""
    return firth.zeros(tuple(shape) if not isinstance(shape, int) else shape, dtype=dtype_of(dtype))


def ones(shape: Any, dtype: Any = None, name: Any = None) -> Tensor:
    """1 everywhere."""
    return firth.ones(tuple(shape) if not isinstance(shape, int) else shape, dtype=dtype_of(dtype))


def fill(dims: Any, value: Any, name: Any = None) -> Tensor:
    """One value everywhere."""
    return constant(value, shape=tuple(dims))


def eye(num_rows: int, num_columns: int | None = None, dtype: Any = None, **_: Any) -> Tensor:
    """1 on the diagonal."""
    return firth.eye(num_rows, num_columns or num_rows, dtype=dtype_of(dtype))


def range_(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: Any = None
) -> Tensor:
    """start, start + delta, ... below limit; int32 for integers."""
    return ops.arange(start, limit, delta, dtype)


def linspace(start: Any, stop: Any, num: int, name: Any = None, axis: int = 0) -> Tensor:
    """num evenly spaced numbers, both ends included."""
    return firth.linspace(float(start), float(stop), num)


def concat(values: Any, axis: int, name: Any = None) -> Any:
    """Tensors one after the other."""
    return ops.concatenate(
        [v if is_symbolic(v) else convert_to_tensor(v) for v in values], axis=axis
    )


def stack(values: Any, axis: int = 0, name: Any = None) -> Any:
    """Tensors along a new axis."""
    return ops.stack([v if is_symbolic(v) else convert_to_tensor(v) for v in values], axis=axis)


def unstack(value: Any, num: Any = None, axis: int = 0, name: Any = None) -> list[Tensor]:
    """The slices along an axis."""
    return list(convert_to_tensor(value).unbind(axis))


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None
) -> list[Tensor]:
    """Equal parts, or parts of given extents."""
    value = convert_to_tensor(value)
    if isinstance(num_or_size_splits, int):
        return list(value.chunk(num_or_size_splits, axis))
    return list(value.split(list(num_or_size_splits), axis))


def tile(input: Any, multiples: Any, name: Any = None) -> Tensor:
    """Repeated along each axis."""
    return convert_to_tensor(input).repeat(*multiples)


def gather(
    params: Any, indices: Any, axis: int | None = None, batch_dims: int = 0, name: Any = None
) -> Tensor:
    """Slices of params at indices along an axis."""
    return ops.take(convert_to_tensor(params), convert_to_tensor(indices), axis or 0)


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: Any = None) -> Tensor:
    """Elements or slices at positions (..., n) of the first n axes."""
    places = convert_to_tensor(indices).long().unbind(-1)
    return convert_to_tensor(params)[tuple(places)]


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: Any = None) -> Tensor:
    """Elements where the mask is true."""
    return convert_to_tensor(tensor)[convert_to_tensor(mask).bool()]


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Tensor:
    """(before, after) for each axis. mode: CONSTANT, REFLECT or SYMMETRIC."""
    rows = [[int(n) for n in row] for row in paddings]
    flat = [n for row in reversed(rows) for n in row]
    return F.pad(convert_to_tensor(tensor), flat, mode.lower(), **(
        {"value": constant_values} if mode == "CONSTANT" else {}
    ))  # fmt: skip


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int = -1,
    dtype: Any = None,
    name: Any = None,
) -> Any:
    """Class numbers as rows of one 1."""
    hot = ops.one_hot(indices, depth, axis=axis, dtype=dtype)
    if on_value is None and off_value is None:
        return hot
    on, off = 1.0 if on_value is None else on_value, 0.0 if off_value is None else off_value
    return hot * (on - off) + off


def clip_by_norm(t: Any, clip_norm: float, axes: Any = None, name: Any = None) -> Tensor:
    """t, shortened to a norm."""
    t = convert_to_tensor(t)
    norm = t.square().sum(_axis(t, axes), True).sqrt()
    return t * clip_norm / norm.clamp(min=clip_norm)


def clip_by_global_norm(
    t_list: Any, clip_norm: float, use_norm: Any = None, name: Any = None
) -> Any:
    """(tensors, norm): all shortened so that their common norm is at most clip_norm."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / norm.clamp(min=clip_norm)
    return [None if t is None else t * scale for t in t_list], norm


def global_norm(t_list: Any, name: Any = None) -> Tensor:
    """The root of the sum of squares of all tensors."""
    total: Any = sum(convert_to_tensor(t).square().sum() for t in t_list if t is not None)
    return total.sqrt()


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """A copy with new values at positions (..., n)."""
    out = convert_to_tensor(tensor).clone()
    out[tuple(convert_to_tensor(indices).long().unbind(-1))] = convert_to_tensor(updates)
    return out


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Tensor:
    """A copy with values added at positions (..., n)."""
    places = tuple(convert_to_tensor(indices).long().unbind(-1))
    return convert_to_tensor(tensor).clone().index_put_(places, convert_to_tensor(updates), True)


def sequence_mask(
    lengths: Any, maxlen: int | None = None, dtype: Any = "bool", name: Any = None
) -> Tensor:
    """True before each length: (...) -> (..., maxlen)."""
    lengths = convert_to_tensor(lengths)
    size = int(lengths.max().item()) if maxlen is None else maxlen
    return (firth.arange(size) < lengths[..., None]).to(dtype_of(dtype))


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, **_: Any) -> Any:
    """The matrix product of the last two axes."""

    def product(x: Any, y: Any) -> Tensor:
        x, y = convert_to_tensor(x), convert_to_tensor(y)
        return (x.mT if transpose_a else x) @ (y.mT if transpose_b else y)

    return operate(product, "matmul", a, b)


def py_print(*inputs: Any, **options: Any) -> None:
    """Prints values."""
    options = {k: v for k, v in options.items() if k in ("sep", "end")}
    print(*(i.numpy() if isinstance(i, Tensor) else i for i in inputs), **options)


def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
    """true_fn() or false_fn(), as a value says."""
    return true_fn() if bool(pred) else false_fn()


def while_loop(cond: Any, body: Any, loop_vars: Any, **_: Any) -> Any:
    """body(*vars) again and again while cond(*vars) holds."""
    state = tuple(loop_vars)
    while bool(cond(*state)):
        found = body(*state)
        state = tuple(found) if isinstance(found, (list, tuple)) else (found,)
    return list(state)


def executing_eagerly() -> bool:
    """True: operations are recorded and computed when they are needed."""
    return True


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """The root of the sum of squares, or the sum of absolute values for ord=1."""
    x = convert_to_tensor(tensor)
    dims = _axis(x, axis)
    if ord == 1:
        return x.abs().sum(dims, keepdims)
    return x.square().sum(dims, keepdims).sqrt()


ELEMENTWISE = (
    "abs", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "erf", "floor", "ceil", "round", "sign", "sigmoid",
    "add", "subtract", "multiply", "divide", "maximum", "minimum", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_not",
    "logical_xor", "negative", "mod",
)  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: _renamed(name, getattr(ops, name)) for name in ELEMENTWISE},
    **{
        f"reduce_{name}": _reduce(name)
        for name in ("sum", "mean", "max", "min", "prod", "any", "all", "logsumexp", "var", "std")
    },
    "reduce_variance": _reduce("var"),
    "reduce_std": _reduce("std"),
    "pow": _renamed("pow", ops.power),
    "truediv": _renamed("truediv", ops.divide),
    "floordiv": _renamed("floordiv", ops.floor_divide),
    "atan2": _renamed("atan2", ops.arctan2),
    "is_nan": _renamed("is_nan", ops.isnan),
    "is_inf": _renamed("is_inf", ops.isinf),
    "is_finite": _renamed("is_finite", ops.isfinite),
    "reciprocal": _renamed("reciprocal", lambda x: 1 / x),
    "squared_difference": _renamed("squared_difference", lambda x, y: (x - y) * (x - y)),
    "reshape": _renamed("reshape", lambda tensor, shape: tensor.reshape(*[int(n) for n in shape])),
    "transpose": _renamed("transpose", lambda a, perm=None: ops.transpose(a, perm)),
    "squeeze": _renamed("squeeze", lambda input, axis=None: ops.squeeze(input, axis)),
    "expand_dims": _renamed("expand_dims", lambda input, axis: input.unsqueeze(axis)),
    "argmax": _renamed("argmax", lambda input, axis=0, output_type=None: input.argmax(axis)),
    "argmin": _renamed("argmin", lambda input, axis=0, output_type=None: input.argmin(axis)),
    "argsort": _renamed(
        "argsort",
        lambda values, axis=-1, direction="ASCENDING", stable=True: values.argsort(
            axis, direction != "ASCENDING"
        ).to(dtype_of("int32")),
    ),
    "sort": _renamed(
        "sort",
        lambda values, axis=-1, direction="ASCENDING": (
            values.sort(axis, direction != "ASCENDING").values
        ),
    ),
    "cumsum": _renamed("cumsum", lambda x, axis=0: x.cumsum(axis)),
    "cumprod": _renamed("cumprod", lambda x, axis=0: x.cumprod(axis)),
    "clip_by_value": _renamed(
        "clip_by_value",
        lambda t, clip_value_min, clip_value_max: t.clamp(clip_value_min, clip_value_max),
    ),
    "stop_gradient": _renamed("stop_gradient", lambda input: input.detach()),
    "identity": _renamed("identity", lambda input: input.clone()),
    "zeros_like": _renamed(
        "zeros_like",
        lambda input, dtype=None: firth.zeros_like(input, dtype=dtype and dtype_of(dtype)),
    ),
    "ones_like": _renamed(
        "ones_like",
        lambda input, dtype=None: firth.ones_like(input, dtype=dtype and dtype_of(dtype)),
    ),
    "reverse": _renamed("reverse", lambda tensor, axis: tensor.flip(axis)),
    "roll": _renamed("roll", lambda input, shift, axis: input.roll(shift, axis)),
    "repeat": _renamed(
        "repeat", lambda input, repeats, axis=None: input.repeat_interleave(repeats, axis)
    ),
    "broadcast_to": _renamed("broadcast_to", lambda input, shape: input.expand(tuple(shape))),
    "size": _renamed("size", lambda input: to_tensor(input.numel(), "int32")),
    "rank": _renamed("rank", lambda input: to_tensor(input.ndim, "int32")),
    "tensordot": _renamed("tensordot", lambda a, b, axes: firth.tensordot(a, b, axes)),
    "convert_to_tensor": convert_to_tensor,
    "constant": constant,
    "shape": shape,
    "function": function,
    "cast": cast,
    "where": where,
    "zeros": zeros,
    "ones": ones,
    "fill": fill,
    "eye": eye,
    "range": range_,
    "linspace": linspace,
    "concat": concat,
    "stack": stack,
    "unstack": unstack,
    "split": split,
    "tile": tile,
    "gather": gather,
    "gather_nd": gather_nd,
    "pad": pad,
    "boolean_mask": boolean_mask,
    "one_hot": one_hot,
    "clip_by_norm": clip_by_norm,
    "norm": norm,
    "clip_by_global_norm": clip_by_global_norm,
    "tensor_scatter_nd_update": tensor_scatter_nd_update,
    "tensor_scatter_nd_add": tensor_scatter_nd_add,
    "sequence_mask": sequence_mask,
    "matmul": matmul,
    "print": py_print,
    "cond": cond,
    "while_loop": while_loop,
    "executing_eagerly": executing_eagerly,
    "einsum": lambda equation, *inputs, **_: firth.einsum(
        equation, *map(convert_to_tensor, inputs)
    ),
    "meshgrid": lambda *args, indexing="xy": list(
        firth.meshgrid(*map(convert_to_tensor, args), indexing=indexing)
    ),
    "add_n": lambda inputs, name=None: sum(map(convert_to_tensor, inputs)),
    "is_tensor": lambda x: isinstance(x, Tensor),
    "Variable": Variable,
    "TensorShape": TensorShape,
    "TensorSpec": TensorSpec,
}
