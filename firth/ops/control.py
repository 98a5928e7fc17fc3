"""Ops that steer transforms and change no value."""

from __future__ import annotations

from firth.ir.op import declare
from firth.ops.rules import EVERY, cases, no_gradient, same

stop_gradient = declare(
    "stop_gradient",
    doc="x itself; no gradient flows through it (what `detach` records): (...) any -> (...) any.",
    shape=same, dtype=same, ref=lambda x: x, vjp=no_gradient, lower=lambda x: x,
    sample=cases(lambda make, rng, d: [(make(*s), {}) for s in ((), (0, 2), (2, 3))], EVERY,
                 smooth=False),
)  # fmt: skip
