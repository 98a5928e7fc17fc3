"""Numbers that remember how they were computed."""

from __future__ import annotations

import math

import pytest

from firth.ir.traced import Formula, greatest, least, through, trace


class _Names(dict[bool, str]):
    """A constant of the code that is no number."""

    __hash__ = object.__hash__  # type: ignore[assignment]


def test_they_are_ints_to_whoever_asks() -> None:
    _, (n,) = trace([7])
    assert isinstance(n, int) and n == 7 and hash(n) == hash(7) and {7: "seven"}[n] == "seven"
    assert isinstance(n / 2, float) and 10 - n == 3 and max(3, n) is n


def test_a_formula_gives_what_the_code_would() -> None:
    def code(n, m):  # type: ignore[no-untyped-def]
        tiles = -(-n // 8)
        size = {"tiles": tiles, "parts": [(n + 1, m * 2.5), "text", None]}
        if tiles % 2 == 0 and m < n:
            size["even"] = math.ceil(m / 3) << 2
        return [size, (n * m) % (1 << 5), through(math.sqrt, m), n.bit_length()]

    tape, numbers = trace([16, 5])
    formula = Formula(tape, code(*numbers))
    assert formula.compute(16, 5) == code(16, 5)
    assert formula.compute(30, 11) == code(30, 11)
    assert formula.compute(17, 5) is None  # three tiles
    assert formula.compute(16, 20) is None  # m < n no more


def test_a_function_of_several_numbers_is_followed_whatever_it_decides() -> None:
    def larger(a: int, b: int, names: dict[bool, str]) -> str:
        return names[a > b]

    names = _Names({True: "first", False: "second"})
    tape, (n, m) = trace([3, 8])
    formula = Formula(tape, [through(larger, n, m * 2, names), through(larger, 5, 4, names)])
    assert formula.compute(3, 8) == ["second", "first"]
    assert formula.compute(17, 8) == ["first", "first"]


def test_a_choice_is_no_decision() -> None:
    tape, (n, m) = trace([3, 8])
    result = [least(n, 16), greatest(n, m), least(n, n), greatest(2, 5)]
    formula = Formula(tape, result)
    assert result == [3, 8, 3, 5] and not tape.guards
    assert formula.compute(20, 7) == [16, 20, 20, 5]


@pytest.mark.parametrize("use", [
    str, float, range, "abcdefghijk".__getitem__, lambda n: [0] * n, lambda n: f"{n:3}",
])  # fmt: skip
def test_what_no_formula_follows_pins_the_number(use) -> None:  # type: ignore[no-untyped-def]
    tape, (n,) = trace([3])
    result = use(n)
    formula = Formula(tape, result)
    assert formula.compute(3) == result
    assert formula.compute(4) is None


def test_a_number_of_an_old_trace_is_its_value() -> None:
    tape, (n,) = trace([3])
    later = n * 2
    Formula(tape, [later])
    new, (m,) = trace([5])
    formula = Formula(new, [m + later])
    assert formula.compute(6) == [12] and len(new.guards) == 0
    assert type(later + 1) is int


def test_an_earlier_guard_protects_a_division() -> None:
    tape, (n, m) = trace([8, 2])
    found = n // m if m != 0 else 0
    assert Formula(tape, [found]).compute(8, 0) is None
