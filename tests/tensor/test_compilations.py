"""After the second new shape of a known structure nothing is compiled any more: counted."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import numpy as np
import pytest

import firth
from firth import nn
from firth.base import flags
from firth.nn import functional as F
from firth.targets.cpu import build


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """No object of an earlier run may hide a compilation, nor what other tests left add one."""
    gc.collect()
    (firth.zeros(()) + 1).item()  # whatever is pending runs before
    monkeypatch.setattr(sys.modules["firth.tensor.cut"], "TRIE_LIMIT", 1 << 60)
    flags.put("FIRTH_CACHE", str(tmp_path))
    yield
    flags.put("FIRTH_CACHE", None)


def compiled_after(run: Callable[[int], object], sizes: list[int], known: int) -> int:
    """Compilations that the sizes behind the first `known` ones cost."""
    for n in sizes[:known]:
        run(n)
    before = build.compilations
    for n in sizes[known:]:
        run(n)
    return build.compilations - before


SIZES = [20, 33, 47, 5, 64, 100, 128, 17, 1000, 257]
CASES: dict[str, Callable[[int], firth.Tensor]] = {
    "elementwise": lambda n: (firth.ones(n, 6) * 2 + firth.ones(6)).tanh(),
    "reduction of rows": lambda n: firth.ones(n, 40).sum(1),
    "reduction of columns": lambda n: firth.ones(40, n).sum(0),
    "reduction of growing rows": lambda n: firth.ones(3, n).softmax(1),
    "movement": lambda n: firth.ones(n, 4).t()[1:, ::2] + 1,
    "concatenation": lambda n: firth.cat([firth.ones(n, 4), firth.zeros(n + 1, 4)]),
    "index": lambda n: firth.ones(n, 4)[firth.arange(n) % 3],
    "matmul": lambda n: firth.ones(n, 30) @ firth.ones(30, 20),
    "matmul over the size": lambda n: firth.ones(8, n) @ firth.ones(n, 20),
    "matmul of both": lambda n: firth.ones(2, n, 8) @ firth.ones(2, 8, n),
    "layer norm": lambda n: F.layer_norm(firth.ones(n, 32), (32,)),
    "variance": lambda n: firth.ones(n, 6).var(0),
    "running sum": lambda n: firth.ones(n, 6).cumsum(0),
    "sort": lambda n: firth.ones(n, 3).sort(0).values,
    "largest": lambda n: firth.ones(n, 6).argmax(0),
    "order turned and moved round": lambda n: firth.ones(n, 6).flip(0).roll(2, 0),
    "triangle": lambda n: firth.ones(n, 6).tril(),
    "choice": lambda n: firth.where(firth.arange(n) > 3, firth.arange(n), 7),
    "integers": lambda n: (firth.arange(n) // 3) ** 2 % 5,
    "complex numbers": lambda n: firth.complex(firth.ones(n), firth.ones(n)).exp().abs(),
    "factors": lambda n: firth.linalg.svd(firth.ones(n, 6), full_matrices=False).Vh,
    "identity": lambda n: firth.eye(n) @ firth.ones(n, 3),
    "draws": lambda n: firth.rand(n, 6),
    "divided by a size": lambda n: firth.cov(firth.ones(6, n)),
    "in the middle": lambda n: firth.ones(n, 6).median(0).values,
    "halves changed": lambda n: firth.fft.fftshift(firth.ones(n, 6), 0),
    "spectra": lambda n: firth.fft.irfft(firth.ones(n, 6), dim=0),
    "least squares": lambda n: firth.linalg.lstsq(firth.ones(n, 6), firth.ones(n, 2)).solution,
    "places in a sorted row": lambda n: firth.searchsorted(firth.arange(9.0), firth.ones(n)),
    "places in a growing row": lambda n: firth.searchsorted(firth.arange(n).float(), firth.ones(n)),
    "vector products": lambda n: firth.cross(firth.ones(n, 3), firth.ones(1, 3), dim=1),
    "bilinear": lambda n: F.bilinear(firth.ones(n, 5), firth.ones(n, 6), firth.ones(4, 5, 6)),
    "between the ordered": lambda n: firth.quantile(firth.ones(n, 6), 0.3, dim=0),
    "convolution of rows": lambda n: F.conv1d(firth.ones(2, 4, n), firth.ones(6, 4, 3)),
    "convolution": lambda n: F.conv2d(
        firth.ones(2, 4, n, 9), firth.ones(6, 4, 3, 3), firth.ones(6), padding=1
    ),
    "transposed convolution": lambda n: F.conv_transpose1d(
        firth.ones(2, 4, n), firth.ones(4, 6, 3), stride=2
    ),
    "running logarithm of sums": lambda n: firth.logcumsumexp(firth.ones(n, 6), 0),
    "its growing rows": lambda n: firth.logcumsumexp(firth.ones(6, n), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_new_shapes(name: str) -> None:
    run = CASES[name]
    assert compiled_after(lambda n: run(n).numpy(), SIZES, known=2) == 0


def test_gradients_of_a_strided_convolution() -> None:
    def run(n: int) -> object:
        x, w = firth.ones(2, 4, n).requires_grad_(), firth.ones(6, 4, 3).requires_grad_()
        F.conv1d(x, w, stride=2, padding=1).square().sum().backward()
        return x.grad.numpy(), w.grad.numpy()

    # where the last element is under a window or not is another structure: two of each
    assert compiled_after(run, [20, 33, 47, 26, 64, 61, 100, 17, 128, 57], known=4) == 0


def test_growing_one_by_one() -> None:
    w = firth.ones(16, 16)

    def run(n: int) -> object:
        x = firth.ones(n, 16)
        return ((x @ w).softmax(-1) + x).numpy()

    # A size of 1 is another structure (nothing to walk over), hence three known ones.
    assert compiled_after(run, list(range(1, 101)), known=3) == 0


def test_indexing_in_a_loop() -> None:
    x = firth.arange(1000).float()
    assert compiled_after(lambda i: (x[i] * 2).item(), list(range(200)), known=3) == 0


def test_slices_that_move() -> None:
    x = firth.arange(1000).float()
    run = lambda i: (x[i : i + 10] * 2).numpy()
    assert compiled_after(run, list(range(100)), known=3) == 0
    np.testing.assert_array_equal(run(500), np.arange(500, 510) * 2)


def test_numbers_that_change() -> None:
    x = firth.ones(10)
    assert compiled_after(lambda i: (x * (i + 0.5)).numpy(), list(range(50)), known=3) == 0


def training(batch_sizes: list[int], rate: Callable[[int], float]) -> Callable[[int], object]:
    firth.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = firth.optim.Adam(model.parameters(), lr=0.1)
    rng = np.random.default_rng(0)
    data = [rng.standard_normal((n, 12)).astype(np.float32) for n in batch_sizes]

    def step(k: int) -> object:
        for group in optimizer.param_groups:
            group["lr"] = rate(k)
        x = firth.from_numpy(data[k])
        y = firth.from_numpy(np.arange(len(data[k])) % 3)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        return None

    return step


def test_a_learning_rate_that_changes_every_step() -> None:
    step = training([8] * 30, lambda k: 0.1 / (k + 1))
    assert compiled_after(step, list(range(30)), known=3) == 0


def test_ragged_last_batches() -> None:
    sizes = [32, 32, 32, 20, 32, 32, 9, 32, 32, 13, 32, 31, 32, 5, 32, 3]
    step = training(sizes, lambda k: 0.1)
    assert compiled_after(step, list(range(len(sizes))), known=5) == 0


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, longest: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.register_buffer("tril", firth.tril(firth.ones(longest, longest)))

    def forward(self, x: firth.Tensor) -> firth.Tensor:
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (z.view(b, t, self.heads, c // self.heads).transpose(1, 2) for z in (q, k, v))
        scores = q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5
        scores = scores.masked_fill(self.tril[:t, :t] == 0, float("-inf"))
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).contiguous().view(b, t, c))


class Gpt(nn.Module):
    def __init__(self, words: int = 20, width: int = 16, longest: int = 128) -> None:
        super().__init__()
        self.longest = longest
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(longest, width)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, 2, longest)
        self.head = nn.Linear(width, words)

    def forward(self, i: firth.Tensor) -> firth.Tensor:
        x = self.words(i) + self.places(firth.arange(i.shape[1]))
        return self.head(x + self.attention(self.norm(x)))

    def generate(self, i: firth.Tensor, count: int) -> firth.Tensor:
        for _ in range(count):
            logits = self(i[:, -self.longest :])[:, -1, :]
            best, _ = firth.topk(logits, 5)
            logits = logits.masked_fill(logits < best[:, [-1]], float("-inf"))
            following = firth.multinomial(logits.softmax(-1), 1)
            i = firth.cat((i, following), dim=1)
        return i


def test_generate_with_a_growing_context() -> None:
    firth.manual_seed(0)
    model = Gpt()
    state = {"i": firth.zeros(1, 1, dtype=firth.int64)}

    def more(_: int) -> object:
        with firth.no_grad():
            state["i"] = model.generate(state["i"], 1)
        return state["i"].numpy()

    assert compiled_after(more, list(range(100)), known=4) == 0
    assert state["i"].shape == (1, 101)
