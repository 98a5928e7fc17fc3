"""A TensorFlow script, unmodified: a classifier of handwritten digits by Keras."""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow import keras
from tensorflow.keras import layers

digits = load_digits()
x = digits.images.astype("float32")[..., np.newaxis] / 16.0
y = digits.target
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
print("train", x_train.shape, "test", x_test.shape)


def weights(shape, seed):
    limit = np.sqrt(6 / (np.prod(shape[:-2]) * (shape[-2] + shape[-1])))
    return np.random.default_rng(seed).uniform(-limit, limit, shape).astype("float32")


model = keras.Sequential(
    [
        layers.Input(shape=(8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(32, activation="relu"),
        layers.Dense(10),
    ],
    name="digits",
)
for k, layer in enumerate(model.layers):
    if layer.get_weights() and not isinstance(layer, layers.BatchNormalization):
        kernel, bias = layer.get_weights()
        layer.set_weights([weights(kernel.shape, k), bias])
model.summary()
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.003),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=3)
history = model.fit(
    x_train, y_train, batch_size=64, epochs=4, shuffle=False, verbose=0,
    validation_split=0.1, callbacks=[stop],
)  # fmt: skip
for epoch, loss in enumerate(history.history["loss"]):
    print(f"epoch {epoch} loss {loss:.3f} accuracy {history.history['accuracy'][epoch]:.2f}")
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"test loss {loss:.2f} accuracy {accuracy:.1f}")
probabilities = tf.nn.softmax(model.predict(x_test[:3], verbose=0))
print("classes", tf.argmax(probabilities, axis=1).numpy(), "truth", y_test[:3])
