"""Update rules keep their state in the group of the optimizer that they belong to."""

from __future__ import annotations

from firth import keras
from firth.keras import rules


def test_state_is_made_for_what_the_options_ask():
    v = keras.Variable([1.0, 2.0])
    plain = rules.SGD([v], {"lr": 0.1, "momentum": 0.0, "nesterov": False})
    assert plain.state[v] == {}
    heavy = rules.SGD([v], {"lr": 0.1, "momentum": 0.9, "nesterov": False})
    assert heavy.state[v]["momentum"].tolist() == [0, 0]
    square = rules.Adagrad([v], {"lr": 0.1, "initial": 0.5, "eps": 0.0})
    assert square.state[v]["accumulator"].tolist() == [0.5, 0.5]
