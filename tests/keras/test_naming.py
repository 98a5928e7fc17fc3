"""Names made up by counters."""

from __future__ import annotations

from firth import keras
from firth.keras.naming import snake_case


def test_names_count_up_until_the_session_is_cleared():
    keras.utils.clear_session()
    names = [keras.layers.Dense(1).name for _ in range(3)]
    assert names == ["dense", "dense_1", "dense_2"]
    keras.utils.clear_session()
    assert keras.layers.Dense(1).name == "dense"
    assert snake_case("GlobalAveragePooling2D") == "global_average_pooling2d"
