"""How large the tiles of a contraction are: from shapes and facts, never from threads."""

from __future__ import annotations

from firth.base.facts import TargetFacts


def contract_blocks(m: int, n: int, k: int, itemsize: int, facts: TargetFacts) -> tuple[int, int]:
    """Rows and columns of one tile."""
    lanes = facts.lanes(itemsize)
    columns = max(2 * lanes, min(256, -(-n // lanes) * lanes))
    rows = 96
    # At least 8 tiles where the work is worth it, so that two or four threads share it evenly.
    while columns > 2 * lanes and -(-m // rows) * -(-n // columns) < 8 and m * n * k > 1 << 21:
        columns //= 2
    return rows, columns
