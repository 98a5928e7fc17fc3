"""Makes the files of this folder: models of Keras as tf2onnx and as Keras itself export them.

Run it in an environment with tensorflow and tf2onnx: `python tests/onnx/keras/make.py`. For each
model there is NAME.npz with an input, the answer of Keras and the
gradient of the sum of its squares.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tf2onnx

HERE = Path(__file__).parent
layers = keras.layers


def dense():
    return keras.Sequential([
        keras.Input((8,)), layers.Dense(16, "relu"), layers.BatchNormalization(),
        layers.Dense(4, "softmax"),
    ])  # fmt: skip


def picture():
    return keras.Sequential([
        keras.Input((10, 10, 3)), layers.Conv2D(6, 3, padding="same", activation="relu"),
        layers.BatchNormalization(), layers.MaxPooling2D(),
        layers.SeparableConv2D(8, 3, padding="same"), layers.DepthwiseConv2D(3),
        layers.GlobalAveragePooling2D(), layers.Dense(5),
    ])  # fmt: skip


def recurrent():
    return keras.Sequential([
        keras.Input((6, 4)), layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
        layers.GRU(3), layers.Dense(2),
    ])  # fmt: skip


def attention():
    x = keras.Input((5, 8))
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    y = layers.Dense(8)(y)
    y = keras.activations.gelu(y, approximate=True)
    return keras.Model(x, layers.GlobalAveragePooling1D()(y))


def decoder():
    return keras.Sequential([
        keras.Input((4, 4, 2)), layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
        layers.UpSampling2D(interpolation="bilinear"), layers.ZeroPadding2D(1), layers.LeakyReLU(),
    ])  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(0)
    for make in (dense, picture, recurrent, attention, decoder):
        keras.utils.set_random_seed(0)
        model, name = make(), make.__name__
        for weight in model.weights:  # initial zeros and ones hide mistakes
            weight.assign(np.abs(rng.standard_normal(weight.shape)) * 0.3 + 0.1
                          if "moving" in weight.path
                          else rng.standard_normal(weight.shape) * 0.3)  # fmt: skip
        x = tf.constant(rng.standard_normal((2, *model.input_shape[1:])), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=False)
            loss = tf.reduce_sum(y * y)
        gradient = tape.gradient(loss, x)
        np.savez(HERE / f"{name}.npz", x=x.numpy(), y=y.numpy(), gradient=gradient.numpy())
        signature = (tf.TensorSpec((None, *model.input_shape[1:]), tf.float32, name="x"),)
        function = tf.function(lambda x, m=model: m(x, training=False), input_signature=signature)
        tf2onnx.convert.from_function(
            function, input_signature=signature, opset=18,
            output_path=str(HERE / f"{name}_tf2onnx.onnx"),
        )  # fmt: skip
        model.export(HERE / f"{name}_keras.onnx", format="onnx", verbose=False)


if __name__ == "__main__":
    main()
