"""The cheapest values to keep, so that others can be computed from them: a minimum cut.

Water flows from each wanted value down to the values that it is computed from, and away where a
value cannot be computed again. A value lets through as much as it costs to keep. Where the water is
stopped by full values, keeping those is enough, and nothing cheaper is (Ford and Fulkerson, 1956).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

FREE = 1 << 60  # more than any value costs: never kept itself
Vertex = tuple[int, bool]  # a value, and whether its cost has been paid


class Cut:
    """cost: of keeping each value. sources: what a value is computed from; without: a leaf, which
    has to be kept if it is needed."""

    def __init__(self, cost: Mapping[int, int], sources: Mapping[int, Sequence[int]]) -> None:
        self._cost, self._sources = cost, sources
        self._users: dict[int, list[int]] = {}
        self._through: dict[int, int] = {}  # flow through each value
        self._along: dict[tuple[int, int], int] = {}  # flow from a value to a source of it

    def run(self, wanted: Sequence[int]) -> tuple[set[int], set[int]]:
        """(values to keep, wanted ones and others to compute from them), with least computing."""
        stack, seen = list(wanted), set(wanted)
        while stack:
            value = stack.pop()
            for source in self._sources.get(value, ()):
                self._users.setdefault(source, []).append(value)
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
        reached: set[Vertex] = set()
        for value in wanted:
            while True:
                path = self._path(value, reached)
                if path is None:
                    break
                self._push(path)
        kept = {v for v, paid in reached if not paid and (v, True) not in reached}
        return kept, {v for v, paid in reached if paid}

    def _path(self, value: int, reached: set[Vertex]) -> list[Vertex] | None:
        """A way for more water, from a wanted value to a leaf; without one, what it reaches is
        added to `reached`, where no later way can lead."""
        start = (value, False)
        before: dict[Vertex, Vertex] = {start: start}
        stack = [start]
        while stack:
            vertex = stack.pop()
            if vertex in reached:
                continue
            if vertex[1] and vertex[0] not in self._sources:
                path = [vertex]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return path[::-1]
            for further in self._onward(vertex):
                if further not in before:
                    before[further] = vertex
                    stack.append(further)
        reached.update(before)
        return None

    def _onward(self, vertex: Vertex) -> list[Vertex]:
        value, paid = vertex
        if paid:
            out = [(s, False) for s in self._sources.get(value, ())]
            if self._through.get(value, 0):
                out.append((value, False))
            return out
        users = self._users.get(value, ())
        out = [(u, True) for u in users if self._along.get((u, value), 0)]
        if self._through.get(value, 0) < self._cost[value]:
            out.append((value, True))
        return out

    def _push(self, path: list[Vertex]) -> None:
        """As much water along the path as its narrowest place lets through."""
        amount = FREE
        steps = list(pairwise(path))
        for (a, _), (b, entered) in steps:
            if a == b:
                used = self._through.get(a, 0)
                amount = min(amount, self._cost[a] - used if entered else used)
            elif entered:
                amount = min(amount, self._along[b, a])
        for (a, _), (b, entered) in steps:
            if a == b:
                self._through[a] = self._through.get(a, 0) + (amount if entered else -amount)
            elif entered:
                self._along[b, a] -= amount
            else:
                self._along[a, b] = self._along.get((a, b), 0) + amount
