"""`tf.linalg`: Firth's linear algebra, and TensorFlow's names of it."""

from firth import linalg as _linalg
from firth.compat.missing import refuse, show
from firth.compat.tensorflow._functions import eye, matmul, norm  # noqa: F401

show(globals(), _linalg, hide=("matmul", "norm"))
inv, trace = _linalg.inv, _linalg.trace if hasattr(_linalg, "trace") else None
__getattr__ = refuse(globals())
