"""Why jit recorded again: what differs between two recordings or two signatures."""

from __future__ import annotations

from typing import Any

from firth.tensor.handle import Kind
from firth.tensor.lines import describe, line_of
from firth.tensor.recording import Recording
from firth.tensor.trie import State


def difference(rec: Recording, state: State) -> str:
    """The first step in which two recordings differ."""
    mine, theirs = _path(rec.state), _path(state)
    for a, b in zip(mine, theirs, strict=False):
        if a is not b:
            depth = a.depth - len(a.added)
            line = next(
                (
                    describe(code, line_of(code, at))
                    for p, code, at in rec.places if p >= depth
                ),
                "an unknown line",
            )  # fmt: skip
            return f"another operation at {line}"
    return f"{len(mine)} operations, before {len(theirs)}"


def _path(state: State | None) -> list[State]:
    out: list[State] = []
    while state is not None:
        out.append(state)
        state = state.parent
    return out[::-1]


def first_difference(before: Any, now: Any) -> str:
    """What changed between two signatures of a jitted function."""
    if len(before) != len(now):
        return f"{len(now) - 2} arguments, before {len(before) - 2}"
    for i, (a, b) in enumerate(zip(before, now, strict=True)):
        if a != b:
            what = ("gradient mode", "the target or a flag", f"argument {i - 2}")[min(i, 2)]
            return f"{what} changed from {_shown(a)} to {_shown(b)}"
    return "a new signature"


def _shown(part: Any) -> str:
    if isinstance(part, Kind):
        return f"{part.dtype.name}{list(part.shape)}"
    if isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], Kind):
        return f"{part[0]}={_shown(part[1])}"
    return repr(part[1] if isinstance(part, tuple) and len(part) == 2 else part)
