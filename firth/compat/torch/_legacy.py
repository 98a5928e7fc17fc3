"""Small names of PyTorch that Firth's own packages have no use for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ContextDecorator
from typing import Any, Self

import firth
from firth.base import dtype as dt
from firth.base import flags
from firth.base.errors import ArgumentError


def _constructor(name: str, dtype: dt.DType) -> Callable[..., firth.Tensor]:
    def make(*args: Any) -> firth.Tensor:
        if len(args) == 1 and not isinstance(args[0], int):
            return firth.tensor(args[0], dtype=dtype)
        return firth.zeros(*args, dtype=dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A {dtype.name} tensor of data, or of zeros where sizes are given."
    return make


FloatTensor = _constructor("FloatTensor", dt.float32)
DoubleTensor = _constructor("DoubleTensor", dt.float64)
HalfTensor = _constructor("HalfTensor", dt.float16)
LongTensor = _constructor("LongTensor", dt.int64)
IntTensor = _constructor("IntTensor", dt.int32)
ShortTensor = _constructor("ShortTensor", dt.int16)
ByteTensor = _constructor("ByteTensor", dt.uint8)
BoolTensor = _constructor("BoolTensor", dt.bool_)


def Variable(data: firth.Tensor, requires_grad: bool = False, volatile: bool = False) -> Any:
    """The tensor itself, as in PyTorch since 0.4."""
    return data.requires_grad_() if requires_grad else data


def compile(model: Any = None, **options: Any) -> Any:
    """The function or module itself: what Firth records is compiled whether asked for or not.

    Options about modes, backends and graphs are accepted. `firth.jit` compiles a whole step at
    once.
    """
    return model if model is not None else lambda function: function


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()
) -> Any:
    """`firth.cond` with its operands in a tuple."""
    return firth.cond(pred, true_fn, false_fn, *operands)


def set_num_threads(threads: int) -> None:
    """Sets how many threads programs run on; ArgumentError below 1."""
    if not isinstance(threads, int) or threads < 1:
        raise ArgumentError(
            f"set_num_threads: not a number of threads; got {threads!r}, expected 1 or more; "
            "pass an int"
        )
    flags.put("FIRTH_THREADS", str(threads))


def get_num_threads() -> int:
    """How many threads programs run on."""
    return flags.threads()


def set_float32_matmul_precision(precision: str) -> None:
    """Accepts PyTorch's words; float32 is always computed in float32."""
    if precision not in ("highest", "high", "medium"):
        raise ArgumentError(
            f"set_float32_matmul_precision: an unknown word; got {precision!r}, expected "
            "'highest', 'high' or 'medium'; use one of these"
        )


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: Firth's results never depend on threads or timing."""


class autocast(ContextDecorator):
    """Mixed precision: only its disabled form; on a device that is not there it is disabled.

    Raises ArgumentError where it would have to do something.
    """

    def __init__(
        self, device_type: str = "cuda", dtype: Any = None, enabled: bool = True, **options: Any
    ) -> None:
        if enabled and device_type == "cpu":
            raise ArgumentError(
                "autocast: there is no mixed precision on the CPU; got enabled=True, expected "
                "enabled=False; remove it or use model.bfloat16()"
            )
        if enabled:
            warnings.warn(f"autocast: there is no {device_type}; disabled", stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class GradScaler:
    """Scales nothing: without a CUDA device PyTorch's is disabled too."""

    def __init__(self, device: str = "cuda", enabled: bool = True, **options: Any) -> None:
        if enabled:
            warnings.warn(f"GradScaler: there is no {device}; disabled", stacklevel=2)

    def is_enabled(self) -> bool:
        """False."""
        return False

    def scale(self, outputs: Any) -> Any:
        """The outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Nothing: gradients were never scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's own step."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Nothing: there is no scale."""

    def state_dict(self) -> dict[str, Any]:
        """Empty."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing."""
