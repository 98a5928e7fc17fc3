"""Sizes of tiles: inside their limits, for any shape and machine."""

from __future__ import annotations

import dataclasses

import pytest

from firth.passes.blocking import (
    contract_blocks,
    even_rows,
    micro_rows,
    micro_tile,
    panel_columns,
    reduce_block,
    sum_part,
)
from tests.passes.facts import FACTS

AVX512 = dataclasses.replace(FACTS, vector_bytes=64, vector_registers=32)
NEON = dataclasses.replace(FACTS, vector_bytes=16, vector_registers=32)
MACHINES = {"avx2": FACTS, "avx512": AVX512, "neon": NEON}
EXTENTS = (1, 2, 3, 5, 7, 10, 16, 33, 64, 128, 300, 784, 4096)


def test_the_micro_tiles_of_known_machines() -> None:
    assert (micro_rows(FACTS), panel_columns(4, FACTS)) == (6, 16)
    assert (micro_rows(AVX512), panel_columns(4, AVX512)) == (13, 32)
    assert panel_columns(8, FACTS) == 8


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("itemsize", [4, 8])
def test_a_micro_tile_fits_the_registers(machine: str, itemsize: int) -> None:
    facts = MACHINES[machine]
    for m in EXTENTS:
        for n in EXTENTS:
            rows, vectors = micro_tile(m, n, itemsize, facts)
            assert rows >= 1 and vectors >= 1
            assert rows * vectors <= facts.vector_registers - 3
            assert (rows - 1) * -(-m // rows) < m  # no piece of rows is empty


@pytest.mark.parametrize("machine", MACHINES)
def test_blocks_are_whole_panels_of_columns_and_as_many_rows_each(machine: str) -> None:
    facts = MACHINES[machine]
    nr = panel_columns(4, facts)
    for m in EXTENTS:
        for n in EXTENTS:
            for k in (1, 10, 784, 5000):
                rows, cols = contract_blocks(m, n, k, 4, facts)
                assert cols % nr == 0 and cols <= max(nr, n + nr)
                parts = -(-m // rows)
                assert parts * rows - m < parts  # no two row blocks differ by more than that


def test_more_work_makes_more_tiles() -> None:
    def tiles(m: int, n: int, k: int) -> int:
        rows, cols = contract_blocks(m, n, k, 4, FACTS)
        return -(-m // rows) * -(-n // cols)

    assert tiles(16, 16, 16) == 1
    assert tiles(64, 128, 784) >= 4
    assert tiles(1024, 1024, 1024) >= 8


def test_two_operands_that_are_copied_from_far_away_have_few_large_even_tiles() -> None:
    facts = dataclasses.replace(AVX512, l2_bytes=1 << 21)
    rows, cols = contract_blocks(2048, 2048, 2048, 4, facts, copies_a=True)
    assert (rows, cols) == (2048, 1024)
    for n in (1500, 2100, 3000, 5000):
        rows, cols = contract_blocks(4000, n, 2048, 4, facts, copies_a=True)
        assert -(-n // cols) in (2, 4, 8) and cols <= 1024 and rows == 2000
    near = contract_blocks(1024, 1024, 1024, 4, facts, copies_a=True)
    assert near == (1024, 512)  # one for each core


@pytest.mark.parametrize("copies_a", [False, True])
@pytest.mark.parametrize("cores", [2, 16, 48])
def test_a_large_product_has_a_tile_for_each_core(cores: int, copies_a: bool) -> None:
    facts = dataclasses.replace(AVX512, l2_bytes=1 << 21, cores=cores)
    for size in (1024, 2048, 4000):
        rows, cols = contract_blocks(size, size, size, 4, facts, copies_a=copies_a)
        assert -(-size // rows) * -(-size // cols) >= cores


@pytest.mark.parametrize("extent", [1, 7, 512, 513, 997, 2048, 3000])
def test_parts_of_a_sum_are_no_longer_than_asked(extent: int) -> None:
    part = sum_part(extent, 512)
    assert part == extent if extent <= 512 else 128 <= part <= 256


def test_longest_sums_hold_as_many_bytes_for_every_dtype() -> None:
    assert reduce_block(4) == 1024 and reduce_block(8) == 512


def test_even_rows_are_the_largest_divisor_that_is_not_much_smaller() -> None:
    assert [even_rows(m, 13) for m in (64, 26, 35, 33, 5)] == [8, 13, 7, 11, 13]
    assert even_rows(37, 13) == 13  # a prime: no piece without a rest
