"""Sizes of contraction tiles, and of the pieces that registers and caches hold.

Every choice depends on the shape, the element size and TargetFacts only, never on the number of
threads: a sum must not change when a program runs on another number of cores.
"""

from __future__ import annotations

from firth.base.facts import TargetFacts
from firth.ir.traced import greatest

# multiplications: below, a second thread costs more than it brings; above, eight tiles balance
SMALL_WORK = 1 << 21
LARGE_WORK = 1 << 25
# micro-tiles of rows in the tallest tile; copying an element of b, in readings of one of a
TALL_PIECES = 160
COPY_COST = 8
# second-level caches that an a fills which comes from further away each time it is copied
FAR_CACHES = 4
# registers beside the sums with which two steps of a sum are under way at once
SPARE = 6
# up to here b is used so little that reading it is all that counts
FEW_ROWS = 4
FEW_ROWS_SUM = 32
# up to here reading b in place, once per piece of rows, beats copying it
IN_PLACE_ROWS = 96
# contractions over windows: work of a tile, how many are enough, rows that make packing cheap
WINDOW_WORK = 1 << 21
WINDOW_TILES = 32
TALL_WINDOWS = 128
# up to here dot products along the sum beat transposing b first
DOT_ROWS = 16
# steps of plain loops that take less time than LLVM for a line of a micro-kernel's text
TINY_STEPS = 1 << 11
# multiplications of a kernel (30 us) from which the largest pieces of rows are worth a second text
EVEN_WORK = 3 << 21


def micro_rows(facts: TargetFacts) -> int:
    """Rows of a micro-tile of two vectors: accumulators, two of b and one or two of a fit, and
    where there are many registers two more, so that two steps of the sum can overlap."""
    return (facts.vector_registers - (SPARE if facts.vector_registers >= 32 else 4)) // 2


def panel_columns(itemsize: int, facts: TargetFacts) -> int:
    """Columns of a micro-tile."""
    return 2 * facts.lanes(itemsize)


def micro_tile(m: int, n: int, itemsize: int, facts: TargetFacts) -> tuple[int, int]:
    """(rows, vectors of columns) of the micro-tile for a tile of m x n.

    Rows are shared out evenly among as few pieces as registers allow; few rows take more vectors,
    so that enough sums are under way to hide the latency of an addition.
    """
    free = facts.vector_registers - 4
    wide = max(1, -(-n // facts.lanes(itemsize)))
    vectors = 1 if wide == 1 else 2
    if m <= 2:
        vectors = min(wide, 8)
    elif m <= 4:
        vectors = min(wide, max(2, free // m // 2))
    most = max(1, min(free // vectors, micro_rows(facts) if vectors > 1 else free // 2))
    pieces = -(-m // most)
    return max(1, -(-m // max(1, pieces))), max(1, vectors)


def even_rows(m: int, most: int) -> int:
    """The largest piece of rows, not much smaller than `most`, that cuts m without a rest; `most`
    where there is none."""
    return next((r for r in range(most, most // 2, -1) if m % r == 0), most)


def reduce_block(itemsize: int, copies_a: bool = False) -> int:
    """Longest sum that is not cut: up to here partial sums stay in registers. Where a is copied
    into panels too, half of that, so that what both copies take stays in the second-level cache."""
    return (512 if copies_a else 1024) * 4 // itemsize


def generic_sum(itemsize: int, strict: bool = False) -> int:
    """Longest sum that a generic kernel does not cut: its copied rows lie as far apart as if they
    were so long, whatever they are, so that the micro-kernel knows the distance. In strict mode
    it cuts where others do."""
    return reduce_block(itemsize) // (1 if strict else 4)


def sum_part(extent: int, longest: int) -> int:
    """How much of a sum is made at a time: all of it, or equal parts if that is possible."""
    if extent <= longest:
        return max(1, extent)
    parts = -(-extent // max(longest // 2, 1))
    for more in range(parts, parts + 3):
        if extent % more == 0:
            return extent // more
    return -(-extent // parts)


def rows_in_cache(k: int, itemsize: int, step: int, facts: TargetFacts) -> int:
    """Rows of a, a multiple of step, that stay in the second-level cache beside b's part."""
    return max(2, facts.l2_bytes // 8 // (max(k, 1) * itemsize) // step) * step


def contract_blocks(
    m: int, n: int, k: int, itemsize: int, facts: TargetFacts, copies_a: bool = False
) -> tuple[int, int]:
    """(rows, columns) of a tile of an (m, n) result that sums over k.

    Tiles as large as b's part in half of the second-level cache allows (a passes by in blocks of
    rows), then halved until there are enough, evened out: columns in whole panels, rows to the last
    one, as the micro-kernels of a tile share out its rows by themselves. Half as many rows: b is
    copied twice as often; half as many columns: a is read twice as often, which costs less, unless
    it has to be copied too (copies_a): then no more tiles than cores are made, or tiles are as
    large as can be where a lies beyond the caches. A result that is large beside its sums has at
    least two row blocks: tiles are numbered row block by row block, so that each thread keeps one
    contiguous part of it (of a weight, its update and what the next step reads of it) in its own
    cache.
    """
    mr, nr = micro_rows(facts), panel_columns(itemsize, facts)
    longest = min(max(k, 1), reduce_block(itemsize, copies_a))
    tall = TALL_PIECES * mr
    wide = max(8, facts.l2_bytes // 2 // (itemsize * longest * nr)) * nr
    far = m * k * itemsize > FAR_CACHES * facts.l2_bytes
    if copies_a and far and m > tall // 2 and n > wide:
        return _far_blocks(m, n, k, itemsize, facts)
    if m <= FEW_ROWS:
        wide = 32 * nr
    if m * n * k >= SMALL_WORK and m >= max(4 * mr, 2 * k):
        tall = min(tall, -(-m // 2))
    rows, cols = _even(m, tall), _even(n, wide, nr)
    wanted = 1 + 3 * (m * n * k >= SMALL_WORK) + 4 * (m * n * k >= LARGE_WORK)
    if copies_a:
        wanted = min(wanted, facts.cores)
    if m * n * k >= LARGE_WORK:
        wanted = max(wanted, facts.cores)
    read_cost = COPY_COST if copies_a else 1
    while -(-m // rows) * -(-n // cols) < wanted:
        halves = []
        if cols >= 2 * nr:
            halves.append((rows, _even(n, cols // 2, nr)))
        if rows >= 8 * mr:
            halves.append((_even(m, rows // 2), cols))
        if not halves:
            break
        rows, cols = min(halves, key=lambda tile: COPY_COST / tile[0] + read_cost / tile[1])
    return rows, cols


def _far_blocks(m: int, n: int, k: int, itemsize: int, facts: TargetFacts) -> tuple[int, int]:
    """contract_blocks where both operands are copied, from beyond the second-level cache, more
    than once: tiles as tall as any, and as wide as what is summed of b at a time allows.
    They are so few that their number should be even: a power of two of blocks of columns."""
    mr, nr = micro_rows(facts), panel_columns(itemsize, facts)
    part = sum_part(k, reduce_block(itemsize, copies_a=True))
    wide = max(8, facts.l2_bytes // 2 // (itemsize * part * nr)) * nr
    rows = _even(m, TALL_PIECES * mr)
    parts = 2
    while parts * wide < n or parts * -(-m // rows) < facts.cores and parts * nr < n:
        parts *= 2
    return rows, _even(n, -(-n // parts), nr)


def window_blocks(
    batch: int, m: int, n: int, k: int, itemsize: int, facts: TargetFacts
) -> tuple[int, int]:
    """(rows, columns) of a tile of a contraction whose rows are read in place: `batch` results of
    m x n, each a sum over k.

    Rows cost nothing to prepare and columns are packed for each tile, so tiles are cut by rows as
    long as they stay tall.
    """
    nr = panel_columns(itemsize, facts)
    wanted = min(WINDOW_TILES, max(1, batch * m * n * k // WINDOW_WORK))
    wanted = -(-wanted // max(batch, 1))
    parts = min(wanted, max(1, m // TALL_WINDOWS))
    rows = -(-m // parts)
    cols = _even(n, max(nr, n * parts // wanted // nr * nr), nr)
    return rows, cols


def _even(extent: int, most: int, step: int = 1) -> int:
    """A block of at most about `most`, a multiple of step, that cuts the extent evenly."""
    parts = greatest(1, -(-extent // greatest(most, step)))
    return _up(greatest(1, -(-extent // parts)), step)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
