"""Recording: numbers and starts that change, cuts in long loops, threads, errors, memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import firth
from firth.tensor import cut as cuts
from firth.tensor.record import apply, assign, cut, local


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of nodes wanted of every program compiled."""
    made: list[int] = []
    original = cuts.compile_recording

    def counting(rec: Any, outputs: Any, donated: Any, **options: Any) -> Any:
        made.append(len(outputs))
        return original(rec, outputs, donated, **options)

    monkeypatch.setattr(cuts, "compile_recording", counting)
    cut()
    yield made


def test_a_number_that_changes_costs_one_more_program(compiled: list[int]) -> None:
    x = firth.ones(31)  # an extent that no other test has recorded with
    cut()
    compiled.clear()
    got = [(x * (0.5 + 0.1 * i)).sum().item() for i in range(8)]
    assert got == pytest.approx([31 * (0.5 + 0.1 * i) for i in range(8)])
    assert len(compiled) == 2


def test_several_numbers_that_change_cost_one_more_program(compiled: list[int]) -> None:
    x = firth.ones(2)
    cut()
    compiled.clear()
    for step in range(1, 8):
        y = (x * (1 - 0.9**step)) / (1 - 0.99**step) + 1.0 / step
        want = (1 - 0.9**step) / (1 - 0.99**step) + 1.0 / step
        assert y[0].item() == pytest.approx(want, rel=1e-5)
    assert len(compiled) == 2


def test_an_index_that_changes_costs_one_more_program(compiled: list[int]) -> None:
    x = firth.arange(20.0)
    cut()
    compiled.clear()
    assert [x[i].item() for i in range(20)] == list(range(20))
    assert [x[i : i + 3].tolist()[0] for i in range(15)] == list(range(15))
    assert len(compiled) <= 4


def test_a_rate_that_changes_in_a_training_loop_costs_two_programs(compiled: list[int]) -> None:
    p = firth.tensor([1.0, 2.0], requires_grad=True)
    for i in range(6):
        p.grad = None
        (p * p).sum().backward()
        with firth.no_grad():
            p -= 0.1 / (i + 1) * p.grad
        cut()
    assert len(compiled) == 2


def test_a_running_total_neither_grows_nor_stalls(compiled: list[int]) -> None:
    x = firth.arange(4.0)
    total = firth.tensor(0.0)
    longest = 0
    for _ in range(3000):
        total += (x * 0.5).sum()
        longest = max(longest, len(local.rec.handles))
    assert total.item() == 9000.0
    assert longest < 2000
    assert len(compiled) < 8


def test_dead_results_are_not_computed(compiled: list[int]) -> None:
    x = firth.ones(3)
    cut()
    y = x + 1
    z = y * 2
    del y
    cut()
    assert compiled[-1] == 1
    assert z.tolist() == [4.0] * 3


def test_a_handle_takes_anothers_value() -> None:
    x, y = firth.zeros(2), firth.ones(2)
    assign(x, y + 1)
    assert x.tolist() == [2.0, 2.0]
    assert apply("add", x, 1).tolist() == [3.0, 3.0]


def test_threads_record_apart_and_share_results() -> None:
    x = firth.ones(4)
    pending = x * 3  # not computed yet
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        y = pending
        for _ in range(50):
            y = y + number
        results[number] = y.tolist()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: [3.0 + 50 * n] * 4 for n in range(4)}
    assert pending.tolist() == [3.0] * 4


def test_a_failed_step_leaves_what_it_would_have_replaced() -> None:
    p = firth.zeros(3)
    p += 1
    cut()
    rows = firth.ones(2)[firth.tensor([7])]
    p += 1
    with pytest.raises(IndexError):
        cut()
    assert p.tolist() == [1.0] * 3
    with pytest.raises(IndexError):
        rows.tolist()
    assert (p + 1).tolist() == [2.0] * 3


def test_errors_name_the_users_line() -> None:
    with pytest.raises(firth.FirthError) as caught:
        firth.zeros(2) + firth.zeros(3)
    assert "test_record.py" in str(caught.value)
    assert "(2,)" in str(caught.value) and "(3,)" in str(caught.value)
