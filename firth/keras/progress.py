"""The bar that shows how far an epoch is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

_WIDTH = 20


def number(value: float) -> str:
    """Four digits after the point, or an exponent where that shows nothing.

    >>> number(0.12345), number(0.00001234)
    ('0.1235', '1.2340e-05')
    """
    return f"{value:.4f}" if value == 0 or abs(value) > 1e-3 else f"{value:.4e}"


def words(logs: Mapping[str, float]) -> str:
    """Names and numbers with dashes before them."""
    return "".join(f" - {name}: {number(value)}" for name, value in logs.items())


class Progress:
    """verbose 1: a bar, drawn at each step on a terminal; 2: one line at the end; 0: nothing."""

    def __init__(self, target: int | None, verbose: int) -> None:
        self.target, self.verbose = target, verbose
        self.began = time.perf_counter()
        self._drawn = 0.0
        self._live = verbose == 1 and sys.stdout.isatty()

    def update(self, step: int, logs: Mapping[str, float]) -> None:
        """Another step is done."""
        now = time.perf_counter()
        if self._live and now - self._drawn > 0.1:
            self._drawn = now
            print("\r" + self._bar(step, logs) + "\x1b[K", end="", flush=True)

    def finish(self, step: int, logs: Mapping[str, float]) -> None:
        """The last line."""
        if self.verbose == 1:
            print(
                ("\r" if self._live else "")
                + self._bar(step, logs)
                + ("\x1b[K" if self._live else "")
            )
        elif self.verbose == 2:
            seconds = time.perf_counter() - self.began
            print(
                f"{step}/{self.target or step} - {seconds:.0f}s - {self._pace(step)}{words(logs)}"
            )

    def _pace(self, step: int) -> str:
        each = (time.perf_counter() - self.began) / max(step, 1)
        return f"{each:.0f}s/step" if each >= 1 else f"{each * 1e3:.0f}ms/step"

    def _bar(self, step: int, logs: Mapping[str, float]) -> str:
        whole = self.target or step
        done = int(_WIDTH * step / max(whole, 1))
        bar = "━" * done + "─" * (_WIDTH - done)
        seconds = time.perf_counter() - self.began
        return f"{step}/{self.target or '?'} {bar} {seconds:.0f}s {self._pace(step)}{words(logs)}"
