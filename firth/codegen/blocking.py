"""Sizes of contraction tiles, and of the pieces that registers and caches hold.

Every choice depends on the shape, the element size and TargetFacts only, never on the number of
threads: a sum must not change when a program runs on another number of cores.
"""

from __future__ import annotations

from firth.base.facts import TargetFacts

# below this many multiplications a second thread costs more than it brings
SMALL_WORK = 1 << 20
WANTED_TILES = 8
# up to here reading b in place, once per piece of rows, beats copying it
IN_PLACE_ROWS = 96
# up to here dot products along the sum beat transposing b first
DOT_ROWS = 6


def micro_rows(facts: TargetFacts) -> int:
    """Rows of a micro-tile of two vectors: accumulators, two of b and one or two of a fit."""
    return (facts.vector_registers - 4) // 2


def panel_columns(itemsize: int, facts: TargetFacts) -> int:
    """Columns of a micro-tile."""
    return 2 * facts.lanes(itemsize)


def micro_tile(m: int, n: int, itemsize: int, facts: TargetFacts) -> tuple[int, int]:
    """(rows, vectors of columns) of the micro-tile for a tile of m x n.

    Rows are shared out evenly among as few pieces as registers allow; few rows take more vectors,
    so that enough sums are under way to hide the latency of an addition.
    """
    free = facts.vector_registers - 4
    wide = -(-n // facts.lanes(itemsize))
    vectors = 1 if wide == 1 else 2
    if m <= 2:
        vectors = min(wide, 8)
    elif m <= 4:
        vectors = min(wide, max(2, free // m // 2))
    most = max(1, min(free // vectors, micro_rows(facts) if vectors > 1 else free // 2))
    pieces = -(-m // most)
    return max(1, -(-m // max(1, pieces))), max(1, vectors)


def reduce_block(itemsize: int) -> int:
    """Longest sum that is not cut: up to here partial sums stay in registers."""
    return 1024 * 4 // itemsize


def contract_blocks(m: int, n: int, k: int, itemsize: int, facts: TargetFacts) -> tuple[int, int]:
    """(rows, columns) of a tile of an (m, n) result that sums over k.

    Tall tiles, because each packs its part of b; as wide as keeps both parts in the second-level
    cache; and at least WANTED_TILES tiles when the work is worth sharing.
    """
    mr, nr = micro_rows(facts), panel_columns(itemsize, facts)
    budget = max(1, 3 * facts.l2_bytes // 4 // itemsize // min(max(k, 1), reduce_block(itemsize)))
    cols = min(_up(n, nr), max(nr, min(8 * nr, budget // 3 // nr * nr)))
    rows = min(_up(m, mr), max(mr, min(24 * mr, (budget - cols) // mr * mr)))
    if m * n * k < SMALL_WORK:
        return rows, cols
    while -(-m // rows) * -(-n // cols) < WANTED_TILES:
        if rows >= 2 * cols and rows > mr or cols <= nr:
            if rows <= 4 * mr:
                break
            rows = _up(-(-rows // 2), mr)
        else:
            cols = _up(-(-cols // 2), nr)
    return rows, cols


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
