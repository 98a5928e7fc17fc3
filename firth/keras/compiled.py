"""Compiled: a jitted function that tells the optimizers in it when a step was made.

Python inside a jitted function runs when it is recorded, not at each call; but a learning-rate
schedule has to see every step. So an optimizer that steps while a function is recorded is noted,
and told after each call. What is made once (weights, the state of an optimizer) is no part of a
recording either: `outside` ends it, does the work, and it begins again.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from firth.tensor import jit
from firth.tensor.recording import in_jit


class Stepping(Protocol):
    """What is told."""

    def advance(self) -> None:
        """A step was made."""


class _Outside(BaseException):
    """Ends a recording that needs something made first."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.work = work


def outside(work: Callable[[], None]) -> None:
    """Does work that is no part of a recording, and begins the recording again if there is one."""
    if in_jit() and _running:
        raise _Outside(work)
    work()


# Deques: what a recording may change without becoming another one.
_running: deque[deque[Stepping]] = deque()


class Compiled:
    """`firth.jit` of a function that may hold steps of optimizers."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._jitted = jit(function)
        self._steppers: deque[Stepping] = deque()
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._call(args, kwargs)
        for stepper in self._steppers:
            stepper.advance()
        return result

    def _call(self, args: Any, kwargs: Any) -> Any:
        while True:
            _running.append(self._steppers)
            try:
                return self._jitted(*args, **kwargs)
            except _Outside as needed:
                if in_jit():
                    raise
                work = needed.work
            finally:
                _running.pop()
            work()

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


def stepped(stepper: Stepping) -> None:
    """Called by an optimizer after its step: counts it, once for each call of the function."""
    known = _innermost() if in_jit() else None
    if known is None:
        stepper.advance()
    elif all(stepper is not other for other in known):
        known.append(stepper)


def _innermost() -> deque[Stepping] | None:
    return next(reversed(_running), None)
