"""GradientTape: gradients of what was computed inside, asked for afterwards.

Everything that depends on a tensor that requires a gradient is recorded anyway; a tape says for
which constants that is, and asks.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Self

import firth
from firth.base.errors import GradientError, message
from firth.keras.symbolic import leaves, replaced
from firth.tensor import Tensor, autograd, enable_grad

_open: deque[GradientTape] = deque()


class GradientTape:
    """with GradientTape() as tape: ...; tape.gradient(y, x).

    persistent: gradients may be asked for more than once.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        # Deques: what may change while a function is recorded.
        self._asked: deque[bool] = deque()
        self._watched: deque[Tensor] = deque()
        self._grad = enable_grad()

    def __enter__(self) -> Self:
        self._grad.__enter__()
        _open.append(self)
        return self

    def __exit__(self, *error: Any) -> None:
        _open.remove(self)
        self._grad.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Also records what depends on a tensor, or nested ones."""
        for leaf in leaves(tensor, Tensor):
            if not leaf.requires_grad:
                leaf.requires_grad_(True)
                self._watched.append(leaf)

    def watched_variables(self) -> tuple[Tensor, ...]:
        """What `watch` was called with."""
        return tuple(self._watched)

    def stop_recording(self) -> Any:
        """with tape.stop_recording(): what is computed inside is constant."""
        return firth.no_grad()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = "none",
    ) -> Any:
        """The gradient of the sum of the target for each source, nested as the sources are.

        None (or zeros with unconnected_gradients="zero") where the target does not depend on one.
        Raises GradientError when a tape that is not persistent is asked again.
        """
        if self._asked and not self._persistent:
            raise GradientError(
                message("GradientTape", "this tape was asked already", "a second gradient",
                        "one", "make it with persistent=True")
            )  # fmt: skip
        self._asked.append(True)
        targets = leaves(target, Tensor)
        wrt = [s for s in leaves(sources, Tensor) if s.requires_grad]
        live = [t for t in targets if t.requires_grad]
        found: dict[int, Any] = {}
        if live and wrt:
            seeds = leaves(output_gradients, Tensor)
            pairs = zip(seeds, targets, strict=True) if seeds else ()
            given = [seed for seed, t in pairs if t.requires_grad] or None
            roots = live if given else [t.sum() for t in live]
            grads = autograd.grad(roots, wrt, given, True, bool(_open), True)
            found = {id(s): g for s, g in zip(wrt, grads, strict=True)}
        zero = getattr(unconnected_gradients, "value", unconnected_gradients) == "zero"
        return replaced(
            sources,
            Tensor,
            lambda s: (
                firth.zeros_like(s) if found.get(id(s)) is None and zero else found.get(id(s))
            ),
        )

    def jacobian(self, target: Tensor, sources: Any, **_: Any) -> Any:
        """The gradient of every element: (target's shape, source's shape) for each source."""
        rows = [
            autograd.grad(element, leaves(sources, Tensor), None, True, bool(_open), True)
            for element in target.reshape(-1).unbind(0)
        ]
        self._asked.append(True)
        stacked = iter([
            firth.stack([firth.zeros_like(s) if g is None else g for g in column]).reshape(
                *target.shape, *s.shape
            )
            for s, column in zip(leaves(sources, Tensor), zip(*rows, strict=True), strict=True)
        ])  # fmt: skip
        return replaced(sources, Tensor, lambda _: next(stacked))


class UnconnectedGradients:
    """What `gradient` gives where there is no path."""

    NONE, ZERO = "none", "zero"
