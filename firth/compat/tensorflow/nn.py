"""`tf.nn`: images are (B, H, W, C) and filters (h, w, in, out)."""

from __future__ import annotations

from typing import Any

from firth.compat.missing import refuse
from firth.compat.tensorflow._functions import _renamed, convert_to_tensor, dtype_of
from firth.keras import activations, layers
from firth.keras.layers.convolution import channels_first, channels_last, padded
from firth.nn import functional as F
from firth.tensor import Tensor

_ACTIVATIONS = ("relu", "relu6", "elu", "selu", "gelu", "silu", "softplus", "softsign", "tanh",
                "sigmoid", "softmax", "log_softmax", "leaky_relu", "swish")  # fmt: skip
globals().update({name: _renamed(name, getattr(activations, name)) for name in _ACTIVATIONS})


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: Any = None) -> Tensor:
    """-log of the right class's share: (B,) and (B, C) -> (B,)."""
    logits, labels = convert_to_tensor(logits), convert_to_tensor(labels).long()
    flat = F.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), reduction="none"
    )
    return flat.reshape(labels.shape)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: Any = None
) -> Tensor:
    """-sum(labels * log(softmax(logits))): (B, C) -> (B,)."""
    return -(convert_to_tensor(labels) * F.log_softmax(convert_to_tensor(logits), axis)).sum(axis)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: Any = None
) -> Tensor:
    """Binary cross entropy of logits, element by element."""
    logits = convert_to_tensor(logits)
    labels = convert_to_tensor(labels).to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def bias_add(value: Any, bias: Any, data_format: Any = None, name: Any = None) -> Tensor:
    """value + bias over the last axis."""
    return convert_to_tensor(value) + bias


def dropout(
    x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: Any = None
) -> Tensor:
    """Sets a share of elements to 0 and scales the rest."""
    return layers.Dropout(rate, noise_shape)(convert_to_tensor(x), training=True)


def l2_loss(t: Any, name: Any = None) -> Tensor:
    """sum(t * t) / 2."""
    return convert_to_tensor(t).square().sum() / 2


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None) -> Any:
    """(mean, variance) over axes."""
    x = convert_to_tensor(x)
    return x.mean(axes, keepdims), x.var(axes, False, keepdims)


def embedding_lookup(params: Any, ids: Any, name: Any = None) -> Tensor:
    """Rows of a table."""
    return F.embedding(convert_to_tensor(ids).long(), params)


def top_k(input: Any, k: int = 1, sorted: bool = True, name: Any = None) -> Any:
    """(values, indices) of the k largest of the last axis."""
    found = convert_to_tensor(input).topk(k)
    return found.values, found.indices.to(dtype_of("int32"))


def in_top_k(targets: Any, predictions: Any, k: int, name: Any = None) -> Tensor:
    """Whether each target is among the k best: (B,) and (B, C) -> (B,) bool."""
    scores = convert_to_tensor(predictions)
    right = scores.gather(1, convert_to_tensor(targets).long()[:, None])
    return (scores > right).sum(1) < k


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return tuple(value) if len(value) == 2 else tuple(value[1:3])  # type: ignore[return-value]


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: Any = "NHWC",
    dilations: Any = 1,
    name: Any = None,
) -> Tensor:
    """Cross-correlation. padding: VALID or SAME."""
    x, strides, dilations = (
        channels_first(convert_to_tensor(input)),
        _pair(strides),
        _pair(dilations),
    )
    x = padded(x, padding.lower(), filters.shape[:2], strides, dilations)
    return channels_last(F.conv2d(x, filters.permute(3, 2, 0, 1), None, strides, 0, dilations))


def max_pool2d(input: Any, ksize: Any, strides: Any, padding: str, **_: Any) -> Tensor:
    """The largest of each window."""
    return layers.MaxPooling2D(_pair(ksize), _pair(strides), padding.lower())(
        convert_to_tensor(input)
    )


def avg_pool2d(input: Any, ksize: Any, strides: Any, padding: str, **_: Any) -> Tensor:
    """The mean of each window."""
    return layers.AveragePooling2D(_pair(ksize), _pair(strides), padding.lower())(
        convert_to_tensor(input)
    )


max_pool, avg_pool = max_pool2d, avg_pool2d
__getattr__ = refuse(globals())
