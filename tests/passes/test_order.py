"""The order of kernels against every other order of small graphs."""

from __future__ import annotations

import random

import pytest

from firth.passes.arena import Span, live_bytes, offsets
from firth.passes.order import Item, order, peak_bytes

KERNELS = 9
PAGE = 1 << 16


def kernels(seed: int, count: int = KERNELS) -> tuple[list[int], list[Item]]:
    """A random graph: each kernel makes one value from some of those before."""
    rng = random.Random(seed)
    needs, users = [0] * count, [1 << k for k in range(count)]
    for k in range(count):
        for source in rng.sample(range(k), min(k, rng.choice((0, 1, 1, 2, 2, 3)))):
            needs[k] |= 1 << source
            users[source] |= 1 << k
    sizes = (1, 2, 3, 5, 8, 16, 64)
    items = [Item(rng.choice(sizes) * PAGE, u, kept=rng.random() < 0.1) for u in users]
    return needs, items


def least_peak(needs: list[int], items: list[Item]) -> int:
    """The peak of the best of all orders, over every set of kernels that can have run."""
    best = {0: 0}
    for _ in needs:
        found: dict[int, int] = {}
        for done, most in best.items():
            for k, before in enumerate(needs):
                if done >> k & 1 or before & ~done:
                    continue
                live = [i for i in items if i.users & done and (i.kept or i.users & ~done)]
                begun = [i for i in items if i.users >> k & 1 and not i.users & done]
                during = sum(i.size_bytes for i in (*live, *begun))
                then = done | 1 << k
                found[then] = min(found.get(then, 1 << 60), max(most, during))
        best = found
    return best[(1 << len(needs)) - 1]


def spans_of(sequence: list[int], items: list[Item]) -> list[Span]:
    place = {k: at for at, k in enumerate(sequence)}
    spans = []
    for item in items:
        used = [at for k, at in place.items() if item.users >> k & 1]
        last = len(sequence) - 1 if item.kept else max(used)
        spans.append(Span(item.size_bytes, min(used), last))
    return spans


@pytest.mark.parametrize("block", range(10))
def test_within_a_tenth_of_the_best_of_all_orders(block: int) -> None:
    for seed in range(block * 30, block * 30 + 30):
        needs, items = kernels(seed)
        sequence = order(needs, items)
        best = least_peak(needs, items)
        spans = spans_of(sequence, items)
        _, arena = offsets(spans)
        assert best <= live_bytes(spans) == peak_bytes(sequence, items) <= arena
        assert arena <= 1.1 * best, seed


@pytest.mark.parametrize("count", [1, 2, 40, 120])
def test_every_kernel_once_after_what_it_needs(count: int) -> None:
    needs, items = kernels(count, count)
    done = 0
    for k in order(needs, items):
        assert not needs[k] & ~done and not done >> k & 1
        done |= 1 << k
    assert done == (1 << count) - 1


def test_two_chains_run_one_after_the_other() -> None:
    # recorded side by side: a0 b0 a1 b1, large values between, small ones at the end
    needs = [0, 0, 1, 2]
    items = [Item(PAGE * 8, 0b0101), Item(PAGE * 8, 0b1010), Item(64, 0b0100), Item(64, 0b1000)]
    assert order(needs, items) == [0, 2, 1, 3]
    assert peak_bytes([0, 2, 1, 3], items) == PAGE * 8 + 64


def test_small_values_stay_as_recorded() -> None:
    needs = [0, 0, 1, 2]
    items = [Item(64, 0b0101), Item(64, 0b1010)]
    assert order(needs, items) == [0, 1, 2, 3]


def test_gradients_of_weights_run_where_they_let_go_of_what_was_kept() -> None:
    # Recorded: values forward, their gradients backward, then a weight's gradient for each.
    layers = 30
    needs = [1 << k - 1 if k else 0 for k in range(2 * layers)]
    values = [1 << k | 1 << k + 1 if k else 3 for k in range(2 * layers - 1)] + [
        1 << 2 * layers - 1
    ]
    for k in range(layers):
        weight, gradient = 2 * layers + k, 2 * layers - 1 - k
        needs.append(1 << k | 1 << gradient)
        values[k] |= 1 << weight
        values[gradient] |= 1 << weight
    items = [Item(PAGE, users) for users in values]
    assert peak_bytes(range(3 * layers), items) == 2 * layers * PAGE
    assert peak_bytes(order(needs, items), items) <= (layers + 2) * PAGE


def test_of_orders_with_the_same_peak_the_one_whose_values_live_shorter() -> None:
    # Forward, backward, and at the end what reads a gradient, or it and what the layer kept, for
    # the weights before and behind: no kernel alone lets go of anything.
    layers = 6
    needs = [0] + [1 << k for k in range(2 * layers)]
    kept = [3 << k for k in range(layers)]
    gradients = [3 << layers + k for k in range(layers)] + [1 << 2 * layers]
    readers: list[list[int]] = [[] for _ in gradients]
    for k in range(layers):
        for gradient, source in ((k, True), (k, False), (k + 1, True)):
            readers[gradient].append(len(needs))
            gradients[gradient] |= 1 << len(needs)
            if source:
                kept[layers - 1 - k] |= 1 << len(needs)
            needs.append(1 << layers + gradient)
    items = [Item(8 * PAGE, users) for users in (*kept, *gradients)]
    found = order(needs, items)
    assert peak_bytes(found, items) == 8 * (layers + 2) * PAGE
    for k in range(layers):  # all that reads a gradient runs before the next but one
        assert all(found.index(r) <= found.index(layers + k + 1) + 2 for r in readers[k])


def test_kernels_that_wait_for_each_other_are_left_out() -> None:
    assert order([0, 0b100, 0b010], [Item(PAGE * 8, 0b111)]) == [0]
