"""Errors, in the form `op: what is wrong; got this, expected that; at file.py:41; the fix`."""

from __future__ import annotations

import os
import sys
from typing import Self

import numpy as np

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class FirthError(Exception):
    """Base of every error that Firth raises on purpose.

    The message ends in the user's line: the innermost line outside this package where the error is
    made, or what `at` says ("file.py:41", with the layer's path where there is one).
    """

    where: str | None = None
    node: int | None = None  # number of the recorded graph's node that failed, where it is known

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self._head = str(args[0]) if args else ""
        line = users_line()
        if line and "\n  at " not in self._head:
            self.args = (f"{self._head}\n  at {line}",)

    def at(self, where: str) -> Self:
        """Puts another line than the innermost into the message: where the work was recorded."""
        if self.where is None:
            self.where = where
            self.args = (f"{self._head}\n  at {where}",)
        return self

    def rename(self, op: str, other: FirthError) -> None:
        """Takes the words of another error of the same cause, under the name of `op`."""
        _, _, words = other._head.partition(": ")
        self._head = f"{op}: {words}"


def users_line() -> str:
    """`file.py:41` of the innermost frame outside this package, empty when there is none."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith((_PACKAGE, "<frozen ")):
        frame = frame.f_back  # type: ignore[assignment]
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


class ShapeError(FirthError, ValueError):
    """Shapes do not fit together. The message names both shapes and the dimension that differs."""


class DTypeError(FirthError, TypeError):
    """A dtype that the operation has no meaning for."""


class ArgumentError(FirthError, ValueError):
    """An argument outside what the operation allows."""


class IndexOutOfRange(FirthError, IndexError):
    """An index outside its dimension, found while recording or in compiled code."""


class DivisionByZero(FirthError, ZeroDivisionError):
    """An integer division or remainder by zero, found in compiled code."""


class LinAlgError(FirthError, np.linalg.LinAlgError, RuntimeError):
    """A matrix that the operation has no answer for: singular, not positive definite, ..."""


class NonFiniteError(FirthError, ArithmeticError):
    """A NaN or an infinity that an operation made while `firth.debug(nan=True)` was on.

    op, layer, line: what made the first one; empty where it is not known.
    """

    op = ""
    layer = ""
    line = ""


class OutOfMemory(FirthError, MemoryError):
    """More memory is asked for than the machine has; nothing was allocated."""


class GradientError(FirthError, RuntimeError):
    """backward() or grad() was asked for something that has no gradient."""


class RecordingError(FirthError, RuntimeError):
    """Something that cannot be recorded: a value read inside jit, an unwatched outside source."""


class FormatError(FirthError, ValueError):
    """A file whose bytes are not what its format says, or that asks for more than it may have."""


class InternalError(FirthError, RuntimeError):
    """Firth itself failed: a bug in Firth, never in user code. Its cause tells where."""


class VerifyError(InternalError, AssertionError):
    """A graph or kernel broke a rule of its stage. Always a bug in Firth, never in user code."""


class MissingRule(FirthError, NotImplementedError):
    """An op or module lacks the rule asked for, and a body to derive it from."""


def message(op: str, wrong: str, got: str, expected: str, fix: str) -> str:
    """The one form of every message.

    >>> message("add", "shapes do not broadcast", "(2, 3) and (4,)", "equal or 1", "reshape one")
    'add: shapes do not broadcast; got (2, 3) and (4,), expected equal or 1; reshape one'
    """
    return f"{op}: {wrong}; got {got}, expected {expected}; {fix}"


def internal(part: str, error: Exception) -> InternalError:
    """The error to raise, from another one, where a part of Firth failed that no argument explains.

    >>> print(internal("compile", KeyError("axis")))
    compile: Firth itself failed; got KeyError: 'axis', expected no error; this is a bug in Firth...
    """
    got = f"{type(error).__name__}: {error}"
    fix = "this is a bug in Firth: please report it with the whole traceback"
    return InternalError(message(part, "Firth itself failed", got, "no error", fix))
