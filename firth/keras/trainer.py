"""compile, fit, evaluate and predict: the loop around a model, its steps compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.keras import metrics as metric
from firth.keras import optimizers
from firth.keras.callbacks import CallbackList, History
from firth.keras.compiled import Compiled
from firth.keras.data_adapter import (
    Arrays,
    Batch,
    Batches,
    is_batches,
    leaves_of,
    mapped,
    to_float32,
    unpack,
    weighted_by_class,
)
from firth.keras.layer import Layer
from firth.keras.outputs import Outputs
from firth.keras.progress import Progress
from firth.tensor import Tensor, autograd, no_grad

Logs = dict[str, float]


class Trainer(Layer):
    """The half of a Model that trains it."""

    optimizer: Any = None
    stop_training: bool = False

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Says how to train: an optimizer, losses and metrics, each by name or as an object."""
        self.optimizer = optimizers.get(optimizer)
        self._asked = {"loss": loss, "weights": loss_weights, "metrics": metrics,
                       "weighted": weighted_metrics}  # fmt: skip
        self._plan: Outputs | None = None
        self._loss_tracker = metric.Mean("loss")
        self._eagerly = run_eagerly
        self._steps: dict[str, Callable[..., Any]] = {}

    # One step; subclasses may define their own

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on (x, y, sample_weight): the logs so far."""
        x, y, w = unpack(data)
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred, w)
        self._tracker.update_state(loss, _weight_of(x))
        weights = self.trainable_weights
        grads = autograd.grad(loss, weights, allow_unused=True)
        self.optimizer.apply(grads, weights)
        return self.compute_metrics(x, y, y_pred, w)

    def test_step(self, data: Any) -> dict[str, Any]:
        """The losses and metrics of (x, y, sample_weight)."""
        x, y, w = unpack(data)
        y_pred = self(x, training=False)
        self._tracker.update_state(self.compute_loss(x, y, y_pred, w), _weight_of(x))
        return self.compute_metrics(x, y, y_pred, w)

    def predict_step(self, data: Any) -> Any:
        """What the model gives for x."""
        return self(unpack(data)[0], training=False)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **_: Any
    ) -> Tensor:
        """The weighted losses of all outputs and the penalties of weights: ()."""
        plan = self._planned()
        total = plan.loss(y, y_pred, sample_weight)
        for penalty in self.losses:
            total = penalty if total is None else total + penalty
        if total is None:
            raise ArgumentError(
                message(self.name, "there is no loss", "compile() without a loss", "a loss",
                        "pass loss=..., or call add_loss in a layer")
            )  # fmt: skip
        return total

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Updates the metrics and gives the values of all of them."""
        self._planned().update(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Every metric's value so far."""
        return {m.name: m.result() for m in self.metrics}

    @property
    def metrics(self) -> list[Any]:
        """The mean loss, then losses and metrics of the outputs."""
        plan = self._planned()
        own = [v for v in self.__dict__.values() if isinstance(v, metric.Metric)]
        others = [m for m in own if m is not self._tracker]
        return [self._tracker, *(plan.trackers + plan.metrics if plan else ()), *others]

    @property
    def metrics_names(self) -> list[str]:
        """Their names."""
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Begins all metrics anew."""
        for each in self.metrics:
            each.reset_state()

    # Whole runs

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: dict[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> History:
        """Trains for a number of epochs; x and y are arrays, or x gives batches.

        verbose: 0 nothing, 1 a bar, 2 a line per epoch. validation_split: the share of the arrays
        (the last part) that is kept for validation. Returns a History.
        """
        self._check_compiled("fit")
        train, held = _sources(x, y, sample_weight, validation_split)
        verbose = 1 if verbose == "auto" else int(verbose)
        size = batch_size or 32
        steps = steps_per_epoch or train.steps(size)
        history = History()
        params = {"epochs": epochs, "steps": steps, "verbose": verbose}
        hooks = CallbackList(callbacks, self, params)
        hooks.callbacks.insert(0, history)
        history.set_model(self)
        self.stop_training = False
        hooks("on_train_begin")
        for epoch in range(initial_epoch, epochs):
            if verbose:
                print(f"Epoch {epoch + 1}/{epochs}")
            self.reset_metrics()
            hooks("on_epoch_begin", epoch)
            bar = Progress(steps, verbose)
            rows = (weighted_by_class(b, class_weight) for b in train.rows(size, shuffle, steps))
            logs, count = self._round("train", rows, hooks, bar)
            if (validation_data is not None or held is not None) and not (
                epoch + 1
            ) % validation_freq:
                checked = self._validate(
                    validation_data, held, validation_batch_size or size, validation_steps, hooks
                )
                logs = {**logs, **{f"val_{k}": v for k, v in checked.items()}}
            bar.finish(count, logs)
            _ordered(hooks, epoch, logs)
            if self.stop_training:
                break
        hooks("on_train_end")
        return history

    def _validate(
        self, data: Any, held: Any, size: int, steps: int | None, hooks: CallbackList
    ) -> Logs:
        source = held
        if source is None:
            parts = (data, None, None) if is_batches(data) else unpack(data)
            source = _Source(*parts)
        self.reset_metrics()
        hooks("on_test_begin")
        logs, _ = self._round("test", source.rows(size, False, steps), hooks, None)
        hooks("on_test_end", logs)
        return logs

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: Any = "auto",
        sample_weight: Any = None, steps: int | None = None, callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """The loss, or [loss, metrics...]; with return_dict by name."""
        self._check_compiled("evaluate")
        source, _ = _sources(x, y, sample_weight, 0.0)
        size = batch_size or 32
        verbose = 1 if verbose == "auto" else int(verbose)
        steps = steps or source.steps(size)
        hooks = CallbackList(callbacks, self, {"steps": steps, "verbose": verbose})
        self.reset_metrics()
        hooks("on_test_begin")
        bar = Progress(steps, verbose)
        logs, count = self._round("test", source.rows(size, False, steps), hooks, bar)
        bar.finish(count, logs)
        hooks("on_test_end", logs)
        if return_dict:
            return logs
        values = [logs[m.name] for m in self.metrics if m.name in logs]
        return values[0] if len(values) == 1 else values

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """What the model gives for all of x, as NumPy arrays."""
        source, _ = _sources(x, None, None, 0.0)
        size = batch_size or 32
        verbose = 1 if verbose == "auto" else int(verbose)
        steps = steps or source.steps(size)
        hooks = CallbackList(callbacks, self, {"steps": steps, "verbose": verbose})
        hooks("on_predict_begin")
        bar, parts, count = Progress(steps, verbose), [], 0
        for count, row in enumerate(source.rows(size, False, steps), 1):
            hooks("on_predict_batch_begin", count - 1)
            out = self.predict_on_batch(row[0])
            parts.append(out)
            bar.update(count, {})
            hooks("on_predict_batch_end", count - 1, {"outputs": out})
        bar.finish(count, {})
        hooks("on_predict_end")
        if not parts:
            raise ArgumentError(
                message(
                    "predict",
                    "there are no examples",
                    "no batches",
                    "at least one",
                    "check the data",
                )
            )
        columns = [np.concatenate(rows) for rows in zip(*map(leaves_of, parts), strict=True)]
        rest = iter(columns)
        return mapped(parts[0], lambda _: next(rest))

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """One step on one batch: the loss, or [loss, metrics...]."""
        self._check_compiled("train_on_batch")
        row = tuple(mapped(part, to_float32) for part in (x, y, sample_weight))
        return self._one("train", weighted_by_class(row, class_weight), return_dict)  # type: ignore[arg-type]

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """The loss of one batch, or [loss, metrics...]."""
        self._check_compiled("test_on_batch")
        row = tuple(mapped(part, to_float32) for part in (x, y, sample_weight))
        return self._one("test", row, return_dict)  # type: ignore[arg-type]

    def predict_on_batch(self, x: Any) -> Any:
        """What the model gives for one batch, as NumPy arrays."""
        x = mapped(x, to_float32)
        self._see(x)
        with no_grad():
            out = self._step("predict")((x, None, None))
        return mapped(out, lambda t: np.array(t.detach().numpy()))

    # How it works

    def _one(self, kind: str, row: Batch, return_dict: bool) -> Any:
        self._prepare(row)
        self.reset_metrics()
        logs = {k: float(v) for k, v in self._step(kind)(row).items()}
        if return_dict:
            return logs
        values = list(logs.values())
        return values[0] if len(values) == 1 else values

    def _round(
        self, kind: str, rows: Iterator[Batch], hooks: CallbackList, bar: Progress | None
    ) -> tuple[Logs, int]:
        logs: Logs = {}
        count = 0
        for count, row in enumerate(rows, 1):
            hooks(f"on_{kind}_batch_begin", count - 1)
            self._prepare(row)
            logs = {k: float(v) for k, v in sorted(self._step(kind)(row).items())}
            hooks(f"on_{kind}_batch_end", count - 1, logs)
            if bar is not None:
                bar.update(count, logs)
            if self.stop_training:
                break
        if not count:
            raise ArgumentError(
                message(kind, "there are no examples", "no batches", "at least one",
                        "a generator gives its batches only once; check the data")
            )  # fmt: skip
        return logs, count

    def _step(self, kind: str) -> Callable[..., Any]:
        """train_step, test_step or predict_step, compiled unless asked otherwise."""
        steps = self.__dict__.setdefault("_steps", {})
        if kind not in steps:
            step = getattr(self, f"{kind}_step")
            steps[kind] = step if self.__dict__.get("_eagerly") else Compiled(step)
        return steps[kind]  # type: ignore[no-any-return]

    def _prepare(self, row: Batch) -> None:
        """Makes weights, metrics and optimizer state from the first batch; nothing is computed."""
        if self._plan is None or not self.built:
            y_pred = self._see(row[0])
            if self._plan is None and row[1] is not None:
                self._plan = Outputs(
                    self._asked, row[1], y_pred, self.__dict__.get("outputs"), self
                )
        if self.optimizer is not None and not self.optimizer.built:
            weights = self.trainable_weights
            if weights:
                self.optimizer.build(weights)

    def _see(self, x: Any) -> Any:
        """What the model would give for x: only shapes matter."""
        with no_grad():
            self.ensure_built(x)
            return self._shaped(x)

    def _planned(self) -> Any:
        return self.__dict__.get("_plan")

    @property
    def _tracker(self) -> Any:
        return self.__dict__.get("_loss_tracker") or metric.Mean("loss")

    def _check_compiled(self, name: str) -> None:
        if "_asked" not in self.__dict__:
            raise ArgumentError(
                message(name, "the model is not compiled", "no optimizer and no loss", "both",
                        "call model.compile(optimizer, loss) first")
            )  # fmt: skip


def _weight_of(x: Any) -> Any:
    """A batch counts for the mean loss by how many examples it has."""
    return np.float32(len(leaves_of(x)[0]))


def _ordered(hooks: CallbackList, epoch: int, logs: Logs) -> None:
    """The end of an epoch: History last, so that it has what other callbacks add."""
    history, *others = hooks.callbacks
    for callback in [*others, history]:
        callback.on_epoch_end(epoch, logs)


class _Source:
    """Arrays or batches, with one face."""

    def __init__(self, x: Any, y: Any, w: Any) -> None:
        self.arrays = None if is_batches(x) else Arrays(x, y, w)
        self.given = Batches(x) if self.arrays is None else None

    def steps(self, size: int) -> int | None:
        """How many batches there are, where that is known."""
        if self.arrays is not None:
            return math.ceil(self.arrays.size / size)
        try:
            return len(self.given)  # type: ignore[arg-type]
        except TypeError:
            return None

    def rows(self, size: int, shuffle: bool, steps: int | None) -> Iterator[Batch]:
        """One round of batches."""
        if self.arrays is None:
            yield from self.given.batches(steps)  # type: ignore[union-attr]
            return
        for k, row in enumerate(self.arrays.batches(size, shuffle)):
            if steps is not None and k >= steps:
                return
            yield row


def _sources(x: Any, y: Any, w: Any, share: float) -> tuple[_Source, _Source | None]:
    source = _Source(x, y, w)
    if not share:
        return source, None
    if source.arrays is None:
        raise ArgumentError(
            message("fit", "validation_split needs arrays", type(x).__name__, "arrays",
                    "pass validation_data")
        )  # fmt: skip
    held = _Source.__new__(_Source)
    held.given = None
    source.arrays, held.arrays = source.arrays.split(share)
    return source, held
