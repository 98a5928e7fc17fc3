"""The operators, by topic. Importing this fills the table of `firth.onnx.registry`."""

from firth.onnx.ops import (
    activation,
    attention,
    cast,
    control,
    conv,
    host,
    image,
    index,
    loss,
    math,
    ml,
    norm,
    pool,
    quantize,
    random,
    recurrent,
    reduction,
    sequence,
    shape,
    signal,
    text,
    training,
    trees,
)

__all__ = [
    "activation", "attention", "cast", "control", "conv", "host", "image", "index", "loss", "math",
    "ml", "norm", "pool",
    "quantize", "random", "recurrent", "reduction", "sequence", "shape", "signal", "text",
    "training", "trees",
]  # fmt: skip
