"""The user's lines: where an operation was called, for errors."""

from __future__ import annotations

import os
from sys import _getframe
from types import CodeType, FrameType

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_frame() -> FrameType | None:
    """The innermost frame outside this package."""
    frame: FrameType | None = _getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """`file.py:41`."""
    frame = user_frame()
    if frame is None:
        return "an unknown line"
    return describe(frame.f_code, frame.f_lineno)


def describe(code: CodeType, line: int) -> str:
    """A line as messages show it."""
    return f"{code.co_filename}:{line}"


def line_of(code: CodeType, instruction: int) -> int:
    """The line of an instruction of a code object."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno
