"""Optimizers and learning-rate schedules. They take a list of parameters, no more."""

from firth.optim import lr_scheduler
from firth.optim.adam import Adam, AdamW
from firth.optim.optimizer import Optimizer
from firth.optim.rmsprop import RMSprop
from firth.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
