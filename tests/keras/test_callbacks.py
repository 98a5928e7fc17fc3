"""Callbacks in real runs of `fit`."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32")


def fitted(callbacks, epochs=4, rate=0.05, **options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model, model.fit(X, Y, epochs=epochs, verbose=0, callbacks=callbacks, **options)


def test_early_stopping_gives_the_best_weights_back():
    stop = keras.callbacks.EarlyStopping(
        patience=2, restore_best_weights=True, monitor="loss", mode="max"
    )
    _, history = fitted([stop], epochs=20)
    assert len(history.epoch) == 3 and stop.stopped_epoch == 2
    with pytest.raises(ArgumentError, match="nothing of this name to watch; got val_loss"):
        fitted([keras.callbacks.EarlyStopping()])


def test_rates(tmp_path):
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    _, history = fitted([schedule], epochs=3)
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])
    plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, mode="max")
    model, _ = fitted([plateau], epochs=4)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05 / 8)


def test_files(tmp_path):
    best = tmp_path / "deep" / "{epoch:02d}.weights.h5"
    check = keras.callbacks.ModelCheckpoint(
        best, monitor="loss", save_weights_only=True, save_best_only=True
    )
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    model, history = fitted([check, log], epochs=2)
    model.load_weights(tmp_path / "deep" / "02.weights.h5")
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "epoch,loss" and len(lines) == 3
    assert float(lines[2].split(",")[1]) == history.history["loss"][1]


def test_hooks_in_order_and_nan(capsys):
    seen = []

    class Noting(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("begin")

        def on_batch_end(self, batch, logs=None):
            seen.append((batch, sorted(logs)))

        def on_test_end(self, logs=None):
            seen.append("tested")

    every = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(sorted(logs))
    )
    fitted([Noting(), every], epochs=1, batch_size=16, validation_split=0.25)
    assert seen == ["begin", (0, ["loss"]), (1, ["loss"]), "tested", ["loss", "val_loss"]]
    model, history = fitted([keras.callbacks.TerminateOnNaN()], epochs=5, rate=1e30)
    assert len(history.epoch) < 5 and model.stop_training
    with pytest.raises(ArgumentError, match="this is no callback"):
        fitted([3])
