"""TensorFlow's names over Firth: `import firth.compat.tensorflow as tf`.

A package of names and no second mechanism: `tf.keras` is `firth.keras`, `tf.function` is
`firth.jit`, tensors are Firth's. A name that is missing raises AttributeError with the nearest
one there is.
"""

# ruff: noqa: F401
from firth import keras
from firth.base import dtype as _dtype
from firth.compat.missing import install_finder, refuse
from firth.compat.tensorflow import config, data, debugging, linalg, math, nn, random
from firth.compat.tensorflow._functions import FUNCTIONS as _FUNCTIONS
from firth.compat.tensorflow._tape import GradientTape, UnconnectedGradients
from firth.compat.tensorflow.config import device
from firth.keras import initializers, losses, metrics, optimizers
from firth.nn import Module
from firth.tensor import Tensor

# Programs compare it with the TensorFlow they need; these are the names of that release.
__version__ = "2.21.0+firth"
globals().update({d.name: d for d in _dtype.ALL if d.name != "bool"})
globals().update(_FUNCTIONS)
bool = _dtype.bool_
double, half, newaxis = _dtype.float64, _dtype.float16, None
DType = _dtype.DType


install_finder()
__getattr__ = refuse(globals())
