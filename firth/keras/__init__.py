"""Keras's names over Firth: Sequential and functional models, compile, fit, evaluate, predict.

>>> import numpy as np
>>> from firth import keras
>>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
>>> model.compile(optimizer="sgd", loss="mse")
>>> history = model.fit(np.ones((8, 2)), np.zeros((8, 1)), epochs=3, verbose=0)
>>> len(history.history["loss"])
3
"""

from firth.keras import (
    activations,
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    utils,
)
from firth.keras.callbacks import Callback
from firth.keras.initializers import Initializer
from firth.keras.layer import Layer
from firth.keras.losses import Loss
from firth.keras.metrics import Metric
from firth.keras.model import Model, Sequential
from firth.keras.optimizers import Optimizer
from firth.keras.regularizers import Regularizer
from firth.keras.symbolic import Input, KerasTensor
from firth.keras.variable import Variable

__all__ = [
    "Callback", "Initializer", "Input", "KerasTensor", "Layer", "Loss", "Metric", "Model",
    "Optimizer", "Regularizer", "Sequential", "Variable", "activations", "callbacks",
    "initializers", "layers", "losses", "metrics", "models", "ops", "optimizers", "regularizers",
    "utils",
]  # fmt: skip
