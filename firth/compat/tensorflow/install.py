"""Puts this package in TensorFlow's place: `import tensorflow` and `import keras` find Firth."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from firth import keras
from firth.compat import tensorflow
from firth.compat.missing import take_place
from firth.tensor import reading


def install() -> None:
    """Enters every module of the package in sys.modules under TensorFlow's name for it.

    Raises ImportError when TensorFlow itself is loaded already.
    """
    take_place(tensorflow)
    reading.detaching = True
    for found in pkgutil.walk_packages(keras.__path__, f"{keras.__name__}."):
        module = importlib.import_module(found.name)
        short = found.name.removeprefix("firth.")
        sys.modules[f"tensorflow.{short}"] = sys.modules[short] = module
    sys.modules["tensorflow.keras"] = sys.modules["keras"] = keras
