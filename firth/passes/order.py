"""The order of kernels: as recorded, unless another one needs clearly less memory.

A value takes memory from the first kernel that touches it to the last. Two ways are tried: the
recorded order, but what frees memory as soon as it can run (the gradients of weights, which let go
of what the forward pass kept), by three rules (of equal peaks, the one with least memory on
average); and a beam, where kernels are put one after the other, and of all sets of kernels that can
have run after so many steps, the ones that needed least memory are followed further. Graphs of ten
kernels are searched completely. The recorded order keeps what is used next in the cache, so it
stays where others are hardly smaller.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_SMALL = 1 << 16  # bytes in all: any order fits the cache
_WORTH = 0.03  # share of the peak that another order has to save
_TRIES = 12_000  # kernels put after a set of others, all steps together

Rank = tuple[bool, int]
# Of a kernel's bytes above the peak so far, and of what it adds to the bytes after it.
_RULES: tuple[Callable[[int, int], Rank], ...] = (
    lambda above, more: (False, min(more, 0)),
    lambda above, more: (more > _SMALL, min(more, 0)),
    lambda above, more: (above > 0, min(more, 0)),
)


@dataclass(frozen=True, slots=True)
class Item:
    """A value in memory: its bytes, the kernels that touch it (a bit set), and whether it is still
    needed after the last one. over: a value that it may lie over, if nobody needs that any more."""

    size_bytes: int
    users: int
    kept: bool = False
    over: Item | None = None


def order(needs: Sequence[int], items: Sequence[Item]) -> list[int]:
    """Numbers of kernels in the order to run them. needs: bit sets of the kernels before each;
    those that wait for each other are left out."""
    recorded = _recorded(needs)
    touched = _touched(len(needs), items)
    if len(recorded) < len(needs):  # some wait for each other
        return recorded
    if sum(i.size_bytes for i in items) <= _SMALL:
        return recorded
    most = peak_bytes(recorded, items)
    enough = math.floor(most * (1 - _WORTH))
    if max(sum(i.size_bytes for i in mine) for mine in touched) > enough:
        return recorded
    freeing = (_freeing(needs, touched, rule) for rule in _RULES)
    (least, _), freed = min((_bytes(found, touched), found) for found in freeing)
    if least > enough:
        return _search(needs, touched, enough) or recorded
    return _search(needs, touched, math.floor(least * (1 - _WORTH))) or freed


def peak_bytes(sequence: Sequence[int], items: Sequence[Item]) -> int:
    """The most bytes that are needed at once when kernels run in this order."""
    return _bytes(sequence, _touched(len(sequence), items))[0]


def _bytes(sequence: Sequence[int], touched: Sequence[Sequence[Item]]) -> tuple[int, int]:
    """The most bytes during a kernel, and their sum: the less, the sooner values are read."""
    done = live = most = total = 0
    for k in sequence:
        during, live = _step(touched[k], done, done | 1 << k, live)
        done |= 1 << k
        most = max(most, during)
        total += during
    return most, total


def _touched(kernels: int, items: Sequence[Item]) -> list[list[Item]]:
    """For each kernel, the values that it touches."""
    touched: list[list[Item]] = [[] for _ in range(kernels)]
    for item in items:
        users = item.users
        while users:
            touched[(users & -users).bit_length() - 1].append(item)
            users &= users - 1
    return touched


def _step(touched: Sequence[Item], done: int, then: int, live: int) -> tuple[int, int]:
    """Bytes during a kernel and after it, from those before it."""
    after = during = live
    for item in touched:
        if not item.users & done:
            if item.over is None or item.over.kept or item.over.users & ~then:
                during += item.size_bytes
            after += item.size_bytes
        if not item.kept and not item.users & ~then:
            after -= item.size_bytes
    return during, after


def _recorded(needs: Sequence[int]) -> list[int]:
    """The lowest number that can run, again and again."""
    after = _after(needs)
    missing = [before.bit_count() for before in needs]
    ready = [k for k, count in enumerate(missing) if not count]
    out = []
    while ready:
        k = heapq.heappop(ready)
        out.append(k)
        for later in after[k]:
            missing[later] -= 1
            if not missing[later]:
                heapq.heappush(ready, later)
    return out


def _after(needs: Sequence[int]) -> list[list[int]]:
    """For each kernel, those that need it, in order."""
    after: list[list[int]] = [[] for _ in needs]
    for k, before in enumerate(needs):
        while before:
            after[(before & -before).bit_length() - 1].append(k)
            before &= before - 1
    return after


def _freeing(
    needs: Sequence[int], touched: Sequence[Sequence[Item]], rule: Callable[[int, int], Rank]
) -> list[int]:
    """What a rule puts first; among equals, the lowest number."""
    after = _after(needs)
    ready = [k for k, before in enumerate(needs) if not before]
    done = live = most = 0
    out = []
    while ready:
        bytes_of = {k: _step(touched[k], done, done | 1 << k, live) for k in ready}
        ranks = {k: rule(during - most, then - live) for k, (during, then) in bytes_of.items()}
        k = min(ready, key=lambda k: (ranks[k], k))
        during, live = bytes_of[k]
        most = max(most, during)
        done |= 1 << k
        out.append(k)
        ready.remove(k)
        ready += [j for j in after[k] if not needs[j] & ~done]
    return out


class _State:
    """Kernels that have run (`done`, in the order of `sequence`), and those that can run next."""

    __slots__ = ("done", "live", "most", "ready", "sequence")

    def __init__(
        self, done: int, live: int, most: int, ready: tuple[int, ...], sequence: tuple[object, ...]
    ) -> None:
        self.done, self.live, self.most = done, live, most
        self.ready, self.sequence = ready, sequence


def _search(
    needs: Sequence[int], touched: Sequence[Sequence[Item]], enough: int
) -> list[int] | None:
    """An order of at most `enough` bytes, if one is found."""
    after = _after(needs)
    tries = _TRIES // len(needs)
    first = tuple(k for k, before in enumerate(needs) if not before)
    states = [_State(0, 0, 0, first, ())]
    for _ in needs:
        best: dict[int, tuple[int, int, int, _State]] = {}
        for state in states:
            for k in state.ready:
                done = state.done | 1 << k
                during, live = _step(touched[k], state.done, done, state.live)
                most = max(state.most, during)
                known = best.get(done)
                if most <= enough and (known is None or most < known[0]):
                    best[done] = (most, live, k, state)
        choices = max((len(s.ready) for s in states), default=1)
        chosen = sorted(best.items(), key=lambda found: found[1][:2])  # among equals the first
        states = []
        for done, (most, live, k, state) in chosen[: max(1, tries // choices)]:
            fresh = [j for j in after[k] if not needs[j] & ~done]
            ready = tuple(sorted([*(j for j in state.ready if j != k), *fresh]))
            states.append(_State(done, live, most, ready, (state.sequence, k)))
    return _flat(states[0].sequence) if states else None


def _flat(sequence: tuple[object, ...]) -> list[int]:
    out: list[int] = []
    while sequence:
        sequence, k = sequence  # type: ignore[assignment]
        out.append(k)  # type: ignore[arg-type]
    return out[::-1]
