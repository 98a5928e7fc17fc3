"""Optimizers and learning-rate schedules. They take a list of parameters, no more."""

from firth.optim import lr_scheduler
from firth.optim.adafactor import Adafactor
from firth.optim.adagrad import Adadelta, Adagrad
from firth.optim.adam import Adam, AdamW
from firth.optim.adamax import Adamax, NAdam, RAdam
from firth.optim.lbfgs import LBFGS
from firth.optim.muon import Muon
from firth.optim.optimizer import Optimizer
from firth.optim.rmsprop import RMSprop
from firth.optim.rprop import ASGD, Rprop
from firth.optim.sgd import SGD
from firth.tensor.arguments import guarded

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Muon",
    "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "lr_scheduler",
]  # fmt: skip

guarded(globals(), __all__)
