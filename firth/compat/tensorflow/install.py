"""Puts this package in TensorFlow's place: `import tensorflow` and `import keras` find Firth."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from firth import keras
from firth.compat import tensorflow
from firth.compat.missing import install_finder, peer_name
from firth.tensor import reading


def install() -> None:
    """Enters every module of the package in sys.modules under TensorFlow's name for it.

    Raises ImportError when TensorFlow itself is loaded already: one process holds one of the two.
    """
    loaded = sys.modules.get("tensorflow")
    if loaded is not None and loaded is not tensorflow:
        raise ImportError(
            "firth.compat.tensorflow: TensorFlow is loaded already; got a loaded tensorflow, "
            "expected none; call install() before anything imports tensorflow"
        )
    reading.detaching = True
    sys.modules["tensorflow"] = tensorflow
    for found in pkgutil.walk_packages(tensorflow.__path__, f"{tensorflow.__name__}."):
        last = found.name.rpartition(".")[2]
        if not last.startswith("_") and last != "install":
            sys.modules[peer_name(found.name)] = importlib.import_module(found.name)
    for found in pkgutil.walk_packages(keras.__path__, f"{keras.__name__}."):
        module = importlib.import_module(found.name)
        short = found.name.removeprefix("firth.")
        sys.modules[f"tensorflow.{short}"] = sys.modules[short] = module
    sys.modules["tensorflow.keras"] = sys.modules["keras"] = keras
    install_finder()
