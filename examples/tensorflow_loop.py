"""A TensorFlow script, unmodified: a training loop of one's own with GradientTape and tf.data."""

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
inputs = rng.normal(size=(256, 4)).astype("float32")
targets = (np.sin(inputs[:, :1]) + 0.5 * inputs[:, 1:2] ** 2).astype("float32")
dataset = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(32).prefetch(tf.data.AUTOTUNE)


class Regressor(tf.keras.Model):
    def __init__(self, width):
        super().__init__()
        start = tf.keras.initializers.RandomNormal(stddev=0.4, seed=1)
        self.hidden = tf.keras.layers.Dense(width, activation="tanh", kernel_initializer=start)
        self.head = tf.keras.layers.Dense(1, kernel_initializer=start)

    def call(self, x):
        return self.head(self.hidden(x))


model = Regressor(24)
model(tf.zeros((1, 4)))
for k, layer in enumerate((model.hidden, model.head)):
    kernel, bias = layer.get_weights()
    layer.set_weights([0.4 * np.random.default_rng(k).normal(size=kernel.shape), bias])
schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.02, decay_steps=20, decay_rate=0.9)
optimizer = tf.keras.optimizers.Adam(schedule)
loss_fn = tf.keras.losses.MeanSquaredError()
mean = tf.keras.metrics.Mean()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = loss_fn(y, model(x, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    gradients, norm = tf.clip_by_global_norm(gradients, 1.0)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    return loss, norm


for epoch in range(5):
    mean.reset_state()
    for x, y in dataset:
        loss, norm = train_step(x, y)
        mean.update_state(loss)
    print(f"epoch {epoch} loss {mean.result().numpy():.4f} last norm {norm.numpy():.3f}")
print("steps", int(optimizer.iterations), "rate", f"{float(optimizer.learning_rate):.5f}")
error = tf.reduce_mean(tf.abs(model(inputs) - targets))
print(f"mean error {error.numpy():.3f}")
