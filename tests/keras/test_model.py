"""Sequential, functional and subclassed models: the same outputs as Keras, and files."""

from __future__ import annotations

import numpy as np
import pytest

from firth import keras
from firth.base.errors import ArgumentError
from tests.keras import peer


def image_net(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            L.Conv2D(6, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2),
            L.SeparableConv2D(8, 3),
            L.Dropout(0.3),
            L.GlobalAveragePooling2D(),
            L.Dense(5, activation="softmax"),
        ]
    )


def two_towers(k):
    L = k.layers
    a, b = k.Input((6,), name="a"), k.Input((4, 3), name="b")
    shared = L.Dense(5, activation="tanh")
    x = L.Concatenate()([shared(a), L.LSTM(5)(b)])
    y = L.Add()([x, L.Dense(10)(x)])
    return k.Model(
        [a, b], [L.Dense(2, name="first")(y), L.Dense(1, activation="sigmoid", name="second")(y)]
    )


@pytest.mark.parametrize("make", [image_net, two_towers])
def test_same_weights_same_outputs(make):
    ours, theirs = make(keras), make(peer.keras)
    assert ours.count_params() == theirs.count_params()
    peer.give_weights(ours, theirs)
    x = peer.array(4, 8, 8, 3) if make is image_net else [peer.array(4, 6), peer.array(4, 4, 3)]
    got, expected = ours.predict(x, verbose=0), theirs.predict(x, verbose=0)
    rows = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    for a, b in rows:
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("make", [image_net, two_towers])
def test_files_and_configurations(make, tmp_path):
    model = make(keras)
    x = (
        peer.array(4, 8, 8, 3)
        if make is image_net
        else {"b": peer.array(4, 4, 3), "a": peer.array(4, 6)}
    )
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    got, expected = again.predict(x, verbose=0), model.predict(x, verbose=0)
    rows = zip(got, expected, strict=True) if isinstance(expected, list) else [(got, expected)]
    assert all(np.array_equal(a, b) for a, b in rows)
    fresh = keras.models.clone_model(model)
    fresh.save_weights(tmp_path / "w.safetensors")
    model.load_weights(tmp_path / "w.safetensors")
    assert all(map(np.array_equal, model.get_weights(), fresh.get_weights()))
    with pytest.raises(ArgumentError, match="the file is of another model"):
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).load_weights(
            tmp_path / "w.safetensors"
        )


def test_layers_by_name_and_parts_of_models():
    model = two_towers(keras)
    assert model.output_names == ["first", "second"] and model.input_names == ["a", "b"]
    half = keras.Model(model.inputs, model.get_layer("first").name and model.outputs[0])
    assert half.output_shape == (None, 2)
    with pytest.raises(ArgumentError, match="there is no such layer; got 'third'"):
        model.get_layer("third")


def test_sequential_is_built_late_and_changed():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2, name="last")])
    with pytest.raises(ArgumentError, match="its weights are not made yet"):
        model.count_params()
    assert model(np.zeros((4, 5), "float32")).shape == (4, 2)
    assert model.count_params() == 5 * 3 + 3 + 3 * 2 + 2
    model.pop()
    assert model(np.zeros((4, 5), "float32")).shape == (4, 3)
    with pytest.raises(ArgumentError, match="this is no layer"):
        model.add(3)


def test_graphs_are_checked():
    a, b = keras.Input((2,)), keras.Input((2,), name="other")
    with pytest.raises(ArgumentError, match="depends on an input that is not given; got other"):
        keras.Model(a, keras.layers.Add()([a, b]))
    model = keras.Model([a, b], keras.layers.Add()([a, b]))
    with pytest.raises(ArgumentError, match="another number of inputs; got 1, expected 2"):
        model(np.zeros((1, 2), "float32"))
