"""Callbacks: functions that `fit`, `evaluate` and `predict` call as they go."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message

Logs = dict[str, float]


class Callback:
    """The hooks; subclasses define those that they need."""

    model: Any = None
    params: dict[str, Any]

    def set_params(self, params: dict[str, Any]) -> None:
        """epochs, steps and verbose of this run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """The model that is trained."""
        self.model = model

    def on_train_begin(self, logs: Any = None) -> None: ...
    def on_train_end(self, logs: Any = None) -> None: ...
    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None: ...
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None: ...
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None: ...
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None: ...
    def on_test_begin(self, logs: Any = None) -> None: ...
    def on_test_end(self, logs: Any = None) -> None: ...
    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None: ...
    def on_test_batch_end(self, batch: int, logs: Any = None) -> None: ...
    def on_predict_begin(self, logs: Any = None) -> None: ...
    def on_predict_end(self, logs: Any = None) -> None: ...
    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None: ...
    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None: ...
    def on_batch_begin(self, batch: int, logs: Any = None) -> None: ...
    def on_batch_end(self, batch: int, logs: Any = None) -> None: ...


class CallbackList:
    """Calls a hook of every callback: callbacks("on_epoch_end", 0, logs)."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        given = (
            callbacks if isinstance(callbacks, (list, tuple)) else [callbacks] if callbacks else []
        )
        self.callbacks = list(given)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise ArgumentError(
                    message("fit", "this is no callback", type(callback).__name__, "a Callback",
                            "make an object of a subclass, e.g. EarlyStopping()")
                )  # fmt: skip
            callback.set_model(model)
            callback.set_params(params)

    def __call__(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(*args)
            if hook in ("on_train_batch_begin", "on_train_batch_end"):
                getattr(callback, hook.replace("train_", ""))(*args)


class History(Callback):
    """What `fit` returns. history: name -> a value for each epoch."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """Functions by the names of hooks."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, hook in hooks.items():
            if hook is not None:
                setattr(self, name, hook)


class _Watching(Callback):
    """Watches one of the logs for improvement."""

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(
                message(type(self).__name__, "unknown mode", repr(mode), "'auto', 'min' or 'max'",
                        "auto takes 'max' for accuracies")
            )  # fmt: skip
        self.monitor, self.min_delta = monitor, abs(min_delta)
        rising = monitor.removeprefix("val_")
        words = ("acc", "auc", "precision", "recall", "f1")
        self.sign = (
            1 if mode == "max" or (mode == "auto" and any(w in rising for w in words)) else -1
        )

    def value(self, logs: Any) -> float:
        """The watched value. Raises ArgumentError where the logs have no such name."""
        if self.monitor not in (logs or {}):
            raise ArgumentError(
                message(type(self).__name__, "there is nothing of this name to watch", self.monitor,
                        ", ".join(logs or {}), "pass validation data, or another monitor")
            )  # fmt: skip
        return float(logs[self.monitor])

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value is better than the best by more than min_delta."""
        return best is None or self.sign * (value - best) > self.min_delta


class EarlyStopping(_Watching):
    """Ends training when a value has not become better for `patience` epochs."""

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0, verbose: int = 0,
        mode: str = "auto", baseline: float | None = None, restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best, self.best_weights = self.baseline, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.value(logs)
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.better(value, self.best):
            self.best, self.best_epoch, self.wait = value, epoch, 0
            self.best_weights = self.model.get_weights() if self.restore_best_weights else None
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Watching):
    """Writes the model, or its weights, after epochs; the path may hold {epoch} and logs."""

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: Any = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, 0)
        self.filepath, self.verbose = str(filepath), verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq, self.best, self._batches = save_freq, initial_value_threshold, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % self.save_freq == 0:
            self._write(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._write(epoch, logs)

    def _write(self, epoch: int, logs: Any) -> None:
        if self.save_best_only:
            value = self.value(logs)
            if not self.better(value, self.best):
                return
            self.best = value
        path = Path(self.filepath.format(epoch=epoch + 1, **(logs or {})))
        path.parent.mkdir(parents=True, exist_ok=True)
        self.model.save_weights(path) if self.save_weights_only else self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saved to {path}")


class LearningRateScheduler(Callback):
    """Sets the learning rate of each epoch: schedule(epoch, rate) -> rate."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        rate = float(self.model.optimizer.learning_rate)
        try:
            rate = self.schedule(epoch, rate)
        except TypeError:
            rate = self.schedule(epoch)
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {float(rate)}")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(_Watching):
    """Multiplies the rate by `factor` when a value has not become better for `patience` epochs."""

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10, verbose: int = 0,
        mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0, min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Any = None) -> None:
        self.best: float | None = None
        self.wait = self.resting = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.value(logs)
        logs["learning_rate"] = rate = float(self.model.optimizer.learning_rate)
        if self.resting:
            self.resting, self.wait = self.resting - 1, 0
        if self.better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.resting:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                lower = max(rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = lower
                self.resting, self.wait = self.cooldown, 0
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate reduced to {lower}")


class TerminateOnNaN(Callback):
    """Ends training at a loss that is not finite."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not np.isfinite((logs or {}).get("loss", 0.0)):
            print(f"Batch {batch}: the loss is not finite, training ends")
            self.model.stop_training = True


class CSVLogger(Callback):
    """Writes the logs of each epoch as a line of a CSV file."""

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = filename, separator, append

    def on_train_begin(self, logs: Any = None) -> None:
        self._head = not (self.append and Path(self.filename).exists())
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        row = {"epoch": epoch, **(logs or {})}
        writer = csv.DictWriter(self._file, list(row), delimiter=self.separator)
        if self._head:
            writer.writeheader()
            self._head = False
        writer.writerow(row)
        self._file.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self._file.close()
