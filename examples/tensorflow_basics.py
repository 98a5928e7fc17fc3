"""A TensorFlow script, unmodified: tensors, variables, derivatives and data sets."""

import numpy as np
import tensorflow as tf

a = tf.constant([[1.0, 2.0], [3.0, 4.0]])
b = tf.ones_like(a)
print("product", tf.matmul(a, b, transpose_b=True).numpy().tolist(), (a + b * 2).numpy().tolist())
print(
    "sums", tf.reduce_sum(a).numpy(), tf.reduce_mean(a, axis=0).numpy(), tf.reduce_max(a, 1).numpy()
)
print(
    "where",
    tf.where(a > 2.0, a, -a).numpy().tolist(),
    tf.where([True, False, True]).numpy().tolist(),
)
print(
    "dtypes",
    tf.constant([1, 2]).dtype.name,
    tf.constant(1.5).dtype.name,
    tf.cast(a, tf.int32).numpy().tolist(),
)
print(
    "shapes",
    tf.reshape(a, (4, 1)).shape[0],
    tf.concat([a, b], axis=0).shape[0],
    tf.stack([a, b]).shape[0],
)
print("rows", tf.gather(a, [1, 0]).numpy().tolist(), tf.one_hot([0, 2], 3).numpy().tolist())
print("range", tf.range(3).numpy().tolist(), tf.linspace(0.0, 1.0, 3).numpy().tolist())

v = tf.Variable([1.0, 2.0], name="v")
v.assign_add([0.5, 0.5])
print("variable", v.numpy().tolist())

x = tf.constant(3.0)
with tf.GradientTape() as outer:
    outer.watch(x)
    with tf.GradientTape() as inner:
        inner.watch(x)
        y = x**3 + 2.0 * x
    first = inner.gradient(y, x)
second = outer.gradient(first, x)
print("derivatives", y.numpy(), first.numpy(), second.numpy())

w, bias = tf.Variable(tf.zeros((2, 1))), tf.Variable(0.0)
features = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, -1.0]], "float32")
labels = features @ np.array([[2.0], [-1.0]], "float32") + 0.5
for step in range(200):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(features @ w + bias - labels))
    dw, db = tape.gradient(loss, [w, bias])
    w.assign_sub(0.1 * dw)
    bias.assign_sub(0.1 * db)
print("fit", np.round(w.numpy().ravel(), 2).tolist(), round(float(bias), 2))


@tf.function
def cube(t):
    return t * t * t


print("function", cube(tf.constant(2.0)).numpy(), cube(tf.constant([1.0, 3.0])).numpy().tolist())
pairs = tf.data.Dataset.range(6).map(lambda n: n * n).filter(lambda n: n % 2 == 0).batch(2)
print("data", [batch.numpy().tolist() for batch in pairs])
z = tf.data.Dataset.from_tensor_slices({"n": [1, 2, 3]}).repeat(2).take(4)
print("dicts", [int(row["n"]) for row in z])
