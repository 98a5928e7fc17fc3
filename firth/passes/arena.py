"""Offsets in one arena for values that live for a while: two that meet never overlap.

Values are placed one after the other at the lowest offset that is free while they live. The
largest come first; where that leaves gaps, other sequences are tried, each with the value that
stuck out earlier than before. Where sizes are traced, what lies above what is decided by those that
the trace ran with: that is a place for every other size, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firth.ir.traced import as_seen, greatest, is_traced

_COMPARISONS = 120_000  # of values with each other, all tries together


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes that are needed from a first to a last step, both included."""

    size_bytes: int
    first: int
    last: int


def offsets(spans: Sequence[Span]) -> tuple[list[int], int]:
    """The offset of each span, and the bytes of the arena."""
    if any(is_traced(s.size_bytes) for s in spans):
        seen = [Span(as_seen(s.size_bytes), s.first, s.last) for s in spans]
        return _stacked(spans, offsets(seen)[0])
    bound = live_bytes(spans)
    numbers = range(len(spans))
    by_size = sorted(numbers, key=lambda i: (-spans[i].size_bytes, spans[i].first))
    by_area = sorted(numbers, key=lambda i: (-spans[i].size_bytes * _steps(spans[i]), i))
    by_start = sorted(numbers, key=lambda i: (spans[i].first, -spans[i].size_bytes))
    tries = _COMPARISONS // max(1, len(spans)) ** 2
    best, least = _placed(spans, by_size)
    for sequence in (by_area, by_start):
        for _ in range(max(1, tries)):
            if least <= bound:
                return best, least
            found, total = _placed(spans, sequence)
            if total < least:
                best, least = found, total
            top = max(numbers, key=lambda i: found[i] + spans[i].size_bytes)
            place = sequence.index(top)
            if not place:
                break
            sequence.insert(place // 2, sequence.pop(place))
    return best, least


def live_bytes(spans: Sequence[Span]) -> int:
    """The most bytes that are needed at once: no arena is smaller."""
    change: dict[int, int] = {}
    for span in spans:
        change[span.first] = change.get(span.first, 0) + span.size_bytes
        change[span.last + 1] = change.get(span.last + 1, 0) - span.size_bytes
    live = most = 0
    for step in sorted(change):
        live += change[step]
        most = max(most, live)
    return most


def _steps(span: Span) -> int:
    return span.last - span.first + 1


def _placed(spans: Sequence[Span], sequence: Sequence[int]) -> tuple[list[int], int]:
    """Each span of the sequence at the lowest offset where it fits."""
    found = [0] * len(spans)
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first, last
    total = 0
    for i in sequence:
        size, first, last = spans[i].size_bytes, spans[i].first, spans[i].last
        offset = 0
        for start, end, begun, ended in sorted(placed):
            if begun <= last and first <= ended:
                if offset + size <= start:
                    break
                if end > offset:
                    offset = end
        placed.append((offset, offset + size, first, last))
        found[i] = offset
        total = max(total, offset + size)
    return found, total


def _stacked(spans: Sequence[Span], like: Sequence[int]) -> tuple[list[int], int]:
    """Each span right above those below it in offsets that were found for other sizes."""
    found = [0] * len(spans)
    below = [0] * len(spans)  # bit sets
    placed: list[int] = []
    total = 0
    for i in sorted(range(len(spans)), key=lambda i: like[i]):
        for j in reversed(placed):
            if not below[i] >> j & 1 and _meet(spans[i], spans[j]):
                found[i] = greatest(found[i], found[j] + spans[j].size_bytes)
                below[i] |= below[j] | 1 << j
        placed.append(i)
        total = greatest(total, found[i] + spans[i].size_bytes)
    return found, total


def _meet(a: Span, b: Span) -> bool:
    return a.first <= b.last and b.first <= a.last
