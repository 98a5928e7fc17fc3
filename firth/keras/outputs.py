"""Outputs: the losses and metrics of each output of a model, and the targets that belong to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.keras import losses
from firth.keras import metrics as metric
from firth.keras.data_adapter import leaves_of
from firth.tensor import Tensor


class Outputs:
    """Made from the first targets and predictions, which say which metric "accuracy" is."""

    def __init__(
        self, asked: dict[str, Any], y: Any, y_pred: Any, symbols: Any, model: Any
    ) -> None:
        outputs = leaves_of(y_pred)
        names = getattr(model, "output_names", None) or [f"output_{k}" for k in range(len(outputs))]
        if isinstance(y_pred, dict):
            names = list(y_pred)
        self.names, self.several = names, len(outputs) > 1
        targets = self.targets(y)
        self.losses = [losses.loss_of(i) for i in self._spread(asked["loss"])]
        self.weights = [1.0 if w is None else w for w in self._spread(asked["weights"])]
        self.trackers = (
            [
                metric.Mean(f"{name}_loss")
                for name, loss in zip(names, self.losses, strict=True)
                if loss
            ]
            if self.several
            else []
        )
        self.pairs: list[tuple[int, metric.Metric, bool]] = []
        for which, weighted in (("metrics", False), ("weighted", True)):
            for k, given in enumerate(self._lists(asked[which])):
                for identifier in given:
                    made = metric.metric_of(identifier, targets[k], outputs[k])
                    if self.several:
                        made.name = f"{names[k]}_{made.name}"
                    self.pairs.append((k, made, weighted))
        self.metrics = [m for _, m, _ in self.pairs]

    def targets(self, y: Any) -> list[Any]:
        """Targets in the order of the outputs."""
        if isinstance(y, dict):
            return [y.get(name) for name in self.names]
        found = list(y) if isinstance(y, (list, tuple)) else [y]
        if len(found) != len(self.names):
            raise ArgumentError(
                message("fit", "another number of targets than outputs", str(len(found)),
                        str(len(self.names)), "pass one for each output, in a list or a dict")
            )  # fmt: skip
        return found

    def _spread(self, given: Any) -> list[Any]:
        """One for each output: from a dict, a list, or one for all."""
        if isinstance(given, dict):
            unknown = [k for k in given if k not in self.names]
            if unknown:
                raise ArgumentError(
                    message("compile", "there is no such output", ", ".join(unknown),
                            ", ".join(self.names), "use the names of the output layers")
                )  # fmt: skip
            return [given.get(name) for name in self.names]
        if isinstance(given, (list, tuple)):
            return list(given)
        return [given] * len(self.names)

    def _lists(self, given: Any) -> list[list[Any]]:
        """Metrics as a list for each output."""
        if given is None:
            return [[]] * len(self.names)
        if isinstance(given, dict):
            rows = [given.get(name) or [] for name in self.names]
        elif self.several and any(isinstance(g, (list, tuple)) for g in given):
            rows = list(given)
        elif self.several and len(given) == len(self.names):
            rows = [[g] for g in given]
        else:
            rows = [given] * len(self.names)
        return [list(r) if isinstance(r, (list, tuple)) else [r] for r in rows]

    def loss(self, y: Any, y_pred: Any, w: Any) -> Tensor | None:
        """The weighted sum of the losses of all outputs."""
        total: Tensor | None = None
        trackers = iter(self.trackers)
        rows = zip(
            self.losses,
            self.weights,
            self.targets(y),
            leaves_of(y_pred),
            self._each(w),
            strict=True,
        )
        for loss, factor, target, output, weight in rows:
            if loss is None:
                continue
            value = loss(target, output, weight)
            if self.several:
                next(trackers).update_state(value, np.float32(len(output)))
            value = value if factor == 1.0 else value * factor
            total = value if total is None else total + value
        return total

    def update(self, y: Any, y_pred: Any, w: Any) -> None:
        """Updates the metrics."""
        targets, outputs, weights = self.targets(y), leaves_of(y_pred), self._each(w)
        for k, each, weighted in self.pairs:
            each.update_state(targets[k], outputs[k].detach(), weights[k] if weighted else None)

    def _each(self, w: Any) -> list[Any]:
        if isinstance(w, dict):
            return [w.get(name) for name in self.names]
        return list(w) if isinstance(w, (list, tuple)) else [w] * len(self.names)
