"""Switches: what is recorded for gradients and what is not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from firth.tensor.record import local, set_grad


class _Switch:
    """A context manager and decorator that sets gradient recording and sets it back."""

    __slots__ = ("_before", "enabled")

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(set_grad(self.enabled))

    def __exit__(self, *_: object) -> None:
        set_grad(self._before.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before = set_grad(self.enabled)
            try:
                return function(*args, **kwargs)
            finally:
                set_grad(before)

        return wrapped


class no_grad(_Switch):
    """Nothing inside is recorded for gradients. A context manager or decorator.

    >>> with no_grad():
    ...     is_grad_enabled()
    False
    """

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        if function is not None:  # used as a bare decorator
            return _Switch(False)(function)
        return object.__new__(cls)

    def __init__(self, function: Any = None) -> None:
        super().__init__(False)


class enable_grad(_Switch):
    """What is inside is recorded for gradients, whatever is around it."""

    __slots__ = ()

    def __new__(cls, function: Any = None) -> Any:
        if function is not None:
            return _Switch(True)(function)
        return object.__new__(cls)

    def __init__(self, function: Any = None) -> None:
        super().__init__(True)


class inference_mode(_Switch):
    """As no_grad; mode=False records."""

    __slots__ = ()

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(_Switch):
    """Sets gradient recording at once; as a context manager it sets it back at the end."""

    __slots__ = ()

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._before.append(set_grad(mode))

    def __enter__(self) -> None:
        pass


def is_grad_enabled() -> bool:
    """Whether operations are recorded for gradients in this thread."""
    return local.rec.state.grad
