"""Errors. The message form: `op: what is wrong; got this, expected that; at file.py:41; the fix`."""

from __future__ import annotations


class FirthError(Exception):
    """Base of every error that Firth raises on purpose.

    `where` is the user's line ("file.py:41", with the layer's path where there is one); it is
    added to the message when the error reaches the recording layer, once.
    """

    where: str | None = None

    def at(self, where: str) -> FirthError:
        """Adds the user's line to the message, unless an inner layer already did."""
        if self.where is None:
            self.where = where
            head = self.args[0] if self.args else ""
            self.args = (f"{head}\n  at {where}",)
        return self


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


class GradientError(FirthError, RuntimeError):
    """backward() or grad() was asked for something that has no gradient."""


class RecordingError(FirthError, RuntimeError):
    """Something that cannot be recorded: a value read inside jit, an unwatched outside source."""


class FormatError(FirthError, ValueError):
    """A file whose bytes are not what its format says, or that asks for more than it may have."""


class VerifyError(FirthError, AssertionError):
    """A graph or kernel broke a rule of its stage. Always a bug in Firth, never in user code."""


class MissingRule(FirthError, NotImplementedError):
    """An op has neither the rule asked for nor a body to derive it from."""


def message(op: str, wrong: str, got: str, expected: str, fix: str) -> str:
    """The one form of every message.

    >>> message("add", "shapes do not broadcast", "(2, 3) and (4,)", "equal or 1", "reshape one")
    'add: shapes do not broadcast; got (2, 3) and (4,), expected equal or 1; reshape one'
    """
    return f"{op}: {wrong}; got {got}, expected {expected}; {fix}"
