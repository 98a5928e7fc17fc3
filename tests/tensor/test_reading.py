"""Reading values and sharing memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from tests.tensor.parity import check

EXPRESSIONS = [
    "x.sum().item()",
    "x.tolist()",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


def test_numpy_never_changes_later() -> None:
    x = firth.zeros(3)
    array = x.numpy()
    with pytest.raises(ValueError):
        array[0] = 1
    for _ in range(3):
        x += 1
        x.tolist()
    assert array.tolist() == [0.0, 0.0, 0.0]


def test_from_numpy_copies() -> None:
    array = np.zeros(3, np.float32)
    x = firth.from_numpy(array)
    array[:] = 1
    assert x.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("array", [
    np.arange(6.0).reshape(2, 3)[:, ::-1], np.arange(6, dtype=">i4"), np.zeros((0, 3)),
    np.array(2.5), np.arange(6.0).reshape(2, 3).T, np.array([True, False]),
])  # fmt: skip
def test_arrays_of_every_layout_enter(array: np.ndarray) -> None:
    np.testing.assert_array_equal(np.asarray(firth.from_numpy(array)), array)


def test_dlpack_both_ways() -> None:
    x = firth.arange(6.0).reshape(2, 3)
    assert np.from_dlpack(x).tolist() == x.tolist()
    array = np.arange(4.0, dtype=np.float32)
    borrowed = firth.from_dlpack(array)
    assert borrowed.tolist() == array.tolist()
    back = firth.from_dlpack(firth.zeros(2))
    back += 1
    assert back.tolist() == [1.0, 1.0]


def test_a_borrowed_input_is_read_before_control_returns() -> None:
    array = np.ones(4, np.float32)
    x = firth.from_dlpack(array)
    y = x * 2
    array[:] = 100
    assert y.tolist() == [2.0] * 4
    assert x.tolist() == [100.0] * 4


def test_numbers() -> None:
    x = firth.tensor(2.5)
    assert float(x) == 2.5 and int(x) == 2 and bool(x) and complex(x) == 2.5
    assert [10, 20, 30][firth.tensor(1)] == 20
    assert f"{x:.1f}" == "2.5" and len(firth.zeros(3, 2)) == 3
    assert [t.item() for t in firth.arange(3)] == [0, 1, 2]


MISTAKES: list[tuple[Any, str]] = [
    (lambda: firth.zeros(2).item(), "only one element"),
    (lambda: bool(firth.zeros(2)), "ambiguous"),
    (lambda: firth.zeros(2, requires_grad=True).numpy(), r"detach\(\)"),
    (lambda: len(firth.tensor(1.0)), "no length"),
    (lambda: [1][firth.tensor(0.0)], "only integers"),
    (lambda: list(firth.tensor(1.0)), "nothing to go through"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[w for _, w in MISTAKES])
def test_mistakes(mistake: Any, words: str) -> None:
    with pytest.raises((firth.FirthError, TypeError), match=words):
        mistake()
