"""Random sequences of views, in-place writes and reads, against PyTorch's memory."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
import pytest

import firth

os.environ.setdefault("OMP_NUM_THREADS", "1")
torch = pytest.importorskip("torch")
torch.set_num_threads(1)

SHAPES = [(4, 6), (2, 3, 4), (12,), (3, 1, 4)]


class Pair:
    """The same tensor in both libraries."""

    def __init__(self, ours: Any, theirs: Any) -> None:
        self.ours = ours
        self.theirs = theirs

    def map(self, function: Any) -> Pair:
        return Pair(function(self.ours, firth), function(self.theirs, torch))


def _slice(rng: random.Random, extent: int) -> slice:
    start = rng.randrange(extent)
    stop = rng.randrange(start + 1, extent + 1)
    return slice(start, stop, rng.choice([None, None, 1, 2]))


def _view(rng: random.Random, pair: Pair) -> Pair | None:
    shape = tuple(pair.theirs.shape)
    kind = rng.choice(
        "reshape permute transpose slice int unsqueeze expand flat chunk detach".split()
    )
    if kind == "reshape":
        n = pair.theirs.numel()
        new = rng.choice([(n,), (1, n), (n, 1), *([(2, n // 2)] if n % 2 == 0 else [])])
        return pair.map(lambda x, m: x.reshape(new))
    if kind == "permute" and len(shape) > 1:
        order = list(range(len(shape)))
        rng.shuffle(order)
        return pair.map(lambda x, m: x.permute(*order))
    if kind == "transpose" and len(shape) > 1:
        return pair.map(lambda x, m: x.transpose(0, -1))
    if kind == "slice" and shape and min(shape) > 0:
        index = tuple(_slice(rng, n) for n in shape[: rng.randrange(1, len(shape) + 1)])
        return pair.map(lambda x, m: x[index])
    if kind == "int" and len(shape) > 1 and min(shape) > 0:
        axis = rng.randrange(len(shape))
        i = rng.randrange(shape[axis])
        index = (*[slice(None)] * axis, i)
        return pair.map(lambda x, m: x[index])
    if kind == "unsqueeze" and len(shape) < 4:
        axis = rng.randrange(len(shape) + 1)
        return pair.map(lambda x, m: x.unsqueeze(axis))
    if kind == "expand" and 1 in shape:
        axis = shape.index(1)
        new = tuple(3 if i == axis else -1 for i in range(len(shape)))
        return pair.map(lambda x, m: x.expand(*new))
    if kind == "flat":
        return pair.map(lambda x, m: x.flatten())
    if kind == "chunk" and shape and shape[0] > 1:
        return pair.map(lambda x, m: x.chunk(2)[-1])
    if kind == "detach":
        return pair.map(lambda x, m: x.detach())
    return None


def _shares(theirs: Any) -> bool:
    """Whether PyTorch would refuse to write: several elements share one place."""
    return any(s == 0 and n > 1 for s, n in zip(theirs.stride(), theirs.shape, strict=True))


def _write(rng: random.Random, pairs: list[Pair], pair: Pair) -> None:
    kind = rng.choice("add mul fill zero copy setitem int mask scatter tensor".split())
    number = rng.choice([0.5, -1.0, 2.0, 3.25])
    shape = tuple(pair.theirs.shape)
    if kind == "add":
        pair.map(lambda x, m: x.add_(number))
    elif kind == "mul":
        pair.map(lambda x, m: x.mul_(number))
    elif kind == "fill":
        pair.map(lambda x, m: x.fill_(number))
    elif kind == "zero":
        pair.map(lambda x, m: x.zero_())
    elif kind == "copy":
        same = [p for p in pairs if tuple(p.theirs.shape) == shape]
        other = rng.choice(same)
        pair.ours.copy_(other.ours)
        pair.theirs.copy_(other.theirs.clone())
    elif kind == "setitem" and shape and min(shape) > 0:
        index = tuple(_slice(rng, n) for n in shape[: rng.randrange(1, len(shape) + 1)])
        pair.ours[index] = number
        pair.theirs[index] = number
    elif kind == "int" and shape and min(shape) > 0:
        i = rng.randrange(shape[0])
        pair.ours[i] += number
        pair.theirs[i] += number
    elif kind == "mask":
        pair.ours[pair.ours > number] = -number
        pair.theirs[pair.theirs > number] = -number
    elif kind == "scatter" and shape and shape[0] > 1:
        places = [0, shape[0] - 1]
        pair.ours[places] = number
        pair.theirs[places] = number
    elif kind == "tensor":
        pair.ours += pair.ours * number
        pair.theirs += pair.theirs * number


def _check(pair: Pair) -> None:
    ours, theirs = np.asarray(pair.ours), pair.theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("seed", range(200))
def test_views_and_writes_follow_pytorch(seed: int) -> None:
    rng = random.Random(seed)
    pairs: list[Pair] = []
    for shape in rng.sample(SHAPES, 2):
        data = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        pairs.append(Pair(firth.from_numpy(data), torch.from_numpy(data.copy())))
    exported: list[tuple[np.ndarray, np.ndarray]] = []
    for _ in range(rng.randrange(5, 25)):
        pair = rng.choice(pairs)
        action = rng.random()
        if action < 0.4:
            found = _view(rng, pair)
            if found is not None:
                pairs.append(found)
        elif action < 0.8:
            if not _shares(pair.theirs):
                _write(rng, pairs, pair)
        elif action < 0.9:
            _check(pair)
            array = pair.ours.numpy()
            exported.append((array, array.copy()))
        elif len(pairs) > 3:
            pairs.remove(pair)
    for pair in pairs:
        _check(pair)
    for array, before in exported:
        np.testing.assert_array_equal(array, before)


def test_tied_weights_collect_both_gradients() -> None:
    w = firth.tensor([1.0, 2.0], requires_grad=True)
    tied = w
    (w * tied).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    with firth.no_grad():
        w -= 0.5 * w.grad
    assert tied.tolist() == [0.0, 0.0]


def test_one_tensor_passed_twice() -> None:
    def swap(a: Any, b: Any) -> None:
        a += 1
        b *= 2

    x = firth.tensor([1.0, 2.0])
    swap(x, x)
    assert x.tolist() == [4.0, 6.0]


def test_an_expanded_view_is_not_written() -> None:
    x = firth.zeros(1, 3).expand(2, 3)
    with pytest.raises(firth.FirthError, match="share one place"):
        x += 1


def test_a_leaf_is_not_written_while_gradients_are_recorded() -> None:
    w = firth.zeros(3, requires_grad=True)
    for write in (lambda: w.add_(1), lambda: w[0].fill_(1), lambda: w.view(-1).zero_()):
        with pytest.raises(firth.FirthError, match="leaf"):
            write()
    w.data.add_(1)
    assert w.tolist() == [1.0, 1.0, 1.0]
    with firth.no_grad():
        w[0] = 5
    assert w.tolist() == [5.0, 1.0, 1.0] and w.requires_grad and w.is_leaf
