"""Names that objects get when the user gives none: dense, dense_1, dense_2."""

from __future__ import annotations

import re
from collections import Counter

_taken: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """A class's name in small letters.

    >>> snake_case("BatchNormalization"), snake_case("Conv2D"), snake_case("LSTM")
    ('batch_normalization', 'conv2d', 'lstm')
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(base: str) -> str:
    """The name itself the first time, then with a number."""
    _taken[base] += 1
    count = _taken[base] - 1
    return f"{base}_{count}" if count else base


def clear_session() -> None:
    """Forgets which names were given."""
    _taken.clear()
