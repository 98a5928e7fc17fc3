"""compile, fit, evaluate and predict: the numbers that Keras gives from the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth import keras
from firth.base.errors import ArgumentError
from tests.keras import peer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 6)).astype("float32")
LABELS = (X @ RNG.normal(size=(6, 3))).argmax(1)
REAL = (X[:, :1] * X[:, 1:2]).astype("float32")


def classifier(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((6,)),
            L.Dense(16, activation="relu", kernel_regularizer="l2"),
            L.BatchNormalization(),
            L.Dense(3, activation="softmax"),
        ]
    )


def pair(make, **options):
    models = []
    for k in (keras, peer.keras):
        model = make(k)
        given = {n: v(k) if callable(v) else v for n, v in options.items()}
        model.compile(**given, **({"run_eagerly": True} if k is peer.keras else {}))
        models.append(model)
    peer.give_weights(*models)
    return models


def close(ours, theirs):
    assert sorted(ours) == sorted(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=2e-4, atol=2e-5, err_msg=name)


def test_fit_evaluate_predict():
    ours, theirs = pair(
        classifier, optimizer=lambda k: k.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy", metrics=["accuracy"],
    )  # fmt: skip
    options = {
        "epochs": 3,
        "batch_size": 16,
        "shuffle": False,
        "verbose": 0,
        "validation_split": 0.2,
    }
    close(ours.fit(X, LABELS, **options).history, theirs.fit(X, LABELS, **options).history)
    np.testing.assert_allclose(
        ours.evaluate(X, LABELS, verbose=0), theirs.evaluate(X, LABELS, verbose=0), rtol=2e-4
    )
    np.testing.assert_allclose(
        ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=2e-3, atol=1e-4
    )
    assert ours.predict(X[:5], verbose=0).shape == (5, 3)


def test_weights_of_examples_and_classes():
    ours, theirs = pair(classifier, optimizer="sgd", loss="sparse_categorical_crossentropy",
                        weighted_metrics=["accuracy"])  # fmt: skip
    weight = RNG.uniform(0, 2, len(X)).astype("float32")
    options = {"epochs": 2, "shuffle": False, "verbose": 0, "sample_weight": weight}
    close(ours.fit(X, LABELS, **options).history, theirs.fit(X, LABELS, **options).history)
    options = {
        "epochs": 1,
        "shuffle": False,
        "verbose": 0,
        "class_weight": {0: 2.0, 1: 0.5, 2: 1.0},
    }
    close(ours.fit(X, LABELS, **options).history, theirs.fit(X, LABELS, **options).history)


def several(k):
    x = k.Input((6,))
    h = k.layers.Dense(8, activation="tanh")(x)
    return k.Model(
        x,
        [
            k.layers.Dense(3, activation="softmax", name="kind")(h),
            k.layers.Dense(1, name="size")(h),
        ],
    )


def test_several_outputs():
    ours, theirs = pair(
        several,
        optimizer=lambda k: k.optimizers.RMSprop(0.01),
        loss={"kind": "categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 0.5},
        metrics={"kind": ["accuracy"], "size": ["mae"]},
    )
    y = {"kind": keras.utils.to_categorical(LABELS), "size": REAL}
    options = {"epochs": 2, "shuffle": False, "verbose": 0}
    close(ours.fit(X, y, **options).history, theirs.fit(X, y, **options).history)


def test_one_batch_at_a_time_and_generators():
    ours, theirs = pair(
        classifier, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    for k in range(2):
        rows = slice(8 * k, 8 * k + 8)
        np.testing.assert_allclose(
            ours.train_on_batch(X[rows], LABELS[rows]),
            theirs.train_on_batch(X[rows], LABELS[rows]),
            rtol=1e-4,
        )

    def batches():
        for k in range(6):
            yield X[8 * k : 8 * k + 8], LABELS[8 * k : 8 * k + 8]

    history = ours.fit(batches(), epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 2
    loader = firth.data.DataLoader(
        firth.data.TensorDataset(firth.from_numpy(X), firth.from_numpy(LABELS)), 16
    )
    assert len(ours.fit(loader, epochs=1, verbose=0).epoch) == 1


def test_subclass_with_a_step_of_its_own():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.drop = keras.layers.Dropout(0.5)

        def call(self, x, training=False):
            return self.drop(self.dense(x), training=training)

        def test_step(self, data):
            x, y = data[:2]
            return {"mine": (self(x, training=False) - y).abs().mean()}

    model = Own()
    model.compile("adam", "mse")
    first = model.fit(X, REAL, epochs=1, verbose=0).history["loss"][0]
    last = model.fit(X, REAL, epochs=5, verbose=0).history["loss"][-1]
    assert np.isfinite(last) and last < first * 2
    assert set(model.evaluate(X, REAL, verbose=0, return_dict=True)) == {"mine"}


def test_steps_are_compiled_once_per_shape():
    model = classifier(keras)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(X[:64], LABELS[:64], batch_size=16, epochs=4, verbose=0)
    assert len(model._steps["train"]._jitted.misses) == 1


def test_mistakes():
    model = classifier(keras)
    with pytest.raises(ArgumentError, match="the model is not compiled"):
        model.fit(X, LABELS)
    model.compile("adam")
    with pytest.raises(ArgumentError, match="there is no loss"):
        classifier_without = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
        classifier_without.compile("adam")
        classifier_without.fit(X, REAL, verbose=0)
    with pytest.raises(ArgumentError, match="there are no examples"):
        model.evaluate(iter([]), verbose=0)
