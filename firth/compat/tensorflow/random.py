"""`tf.random`: Firth's own numbers; the same seed gives another stream than TensorFlow's."""

from __future__ import annotations

from typing import Any

import firth
from firth.compat.missing import refuse
from firth.compat.tensorflow._functions import convert_to_tensor
from firth.keras import initializers
from firth.keras.variable import dtype_of
from firth.tensor import Tensor


def set_seed(seed: int) -> None:
    """Seeds the generator."""
    firth.manual_seed(seed)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = None,
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Normal numbers."""
    return firth.randn(*shape, dtype=dtype_of(dtype)) * stddev + mean


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = None,
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Uniform numbers in [minval, maxval); integers for an integer dtype."""
    kind = dtype_of(dtype)
    if kind.is_integer:
        return firth.randint(minval, maxval, tuple(shape), dtype=kind)
    high = 1.0 if maxval is None else maxval
    return firth.rand(*shape, dtype=kind) * (high - minval) + minval


def truncated_normal(
    shape: Any,
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
    name: Any = None,
) -> Tensor:
    """Normal numbers within two standard deviations."""
    return initializers.TruncatedNormal(mean, stddev, seed)(shape, dtype)


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Tensor:
    """The slices of the first axis in a random order."""
    value = convert_to_tensor(value)
    return value[firth.randperm(value.shape[0])]


def categorical(
    logits: Any, num_samples: int, dtype: Any = None, seed: Any = None, name: Any = None
) -> Tensor:
    """Class numbers drawn by logits: (B, C) -> (B, num_samples) int64."""
    return firth.multinomial(convert_to_tensor(logits).softmax(-1), num_samples, True)


__getattr__ = refuse(globals())
