"""The users' lines."""

from __future__ import annotations

import sys

from firth.tensor.lines import describe, line_of, user_line


def test_lines_are_outside_the_package() -> None:
    assert "test_lines.py" in user_line()
    frame = sys._getframe()
    assert describe(frame.f_code, 7).endswith("test_lines.py:7")


def test_the_line_of_an_instruction() -> None:
    frame = sys._getframe()
    instruction, line = frame.f_lasti, frame.f_lineno
    assert abs(line_of(frame.f_code, instruction) - line) <= 1
