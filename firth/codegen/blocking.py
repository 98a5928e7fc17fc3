"""Sizes of contraction tiles, and of the pieces that registers and caches hold.

Every choice depends on the shape, the element size and TargetFacts only, never on the number of
threads: a sum must not change when a program runs on another number of cores.
"""

from __future__ import annotations

from firth.base.facts import TargetFacts

# below this many multiplications a second thread costs more than it brings
SMALL_WORK = 1 << 20
WANTED_TILES = 8


def micro_rows(facts: TargetFacts) -> int:
    """Rows of a micro-tile of two vectors: accumulators, two of b and one or two of a fit."""
    return (facts.vector_registers - 4) // 2


def panel_columns(itemsize: int, facts: TargetFacts) -> int:
    """Columns of a micro-tile."""
    return 2 * facts.lanes(itemsize)


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
