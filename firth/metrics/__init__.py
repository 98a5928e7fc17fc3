"""Running metrics: `update` with each batch, `compute` when wanted, `reset` for the next round."""

from firth.metrics.classification import F1, Accuracy, ConfusionMatrix, Precision, Recall, accuracy
from firth.metrics.mean import Mean
from firth.tensor.arguments import guarded

__all__ = ["F1", "Accuracy", "ConfusionMatrix", "Mean", "Precision", "Recall", "accuracy"]

guarded(globals(), __all__)
