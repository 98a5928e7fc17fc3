"""The table of a model."""

from __future__ import annotations

from firth import keras


def test_counts_as_keras():
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(128, name="fc"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dense(10, name="out"),
        ],
        name="net",
    )
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    text = lines[0].splitlines()
    assert text[0] == 'Model: "net"'
    assert "│ fc (Dense)                      │ (None, 128)            │       100,480 │" in text
    assert text[-3:] == [
        " Total params: 102,282 (399.54 KB)", " Trainable params: 102,026 (398.54 KB)",
        " Non-trainable params: 256 (1.00 KB)",
    ]  # fmt: skip
