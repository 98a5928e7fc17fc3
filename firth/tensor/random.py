"""Random numbers: counter-based (Threefry), the same on every target, thread count and restart.

A generator's state is two tensors, a key and a counter, so that a recorded step that draws moves
the counter on inside its own program.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, message
from firth.tensor.creation import get_default_dtype, refuse_in_jit, sizes, wrap
from firth.tensor.device import CPU, Device, check_device
from firth.tensor.gradmode import no_grad
from firth.tensor.handle import Tensor
from firth.tensor.lens import update
from firth.tensor.reading import contents
from firth.tensor.record import apply, assign, local, user_line
from firth.tensor.vmap import draw_in

DEFAULT_SEED = 2147483647


def _word(value: int) -> Tensor:
    return wrap(np.asarray(value & (2**64 - 1), np.uint64), dt.uint64)


class Generator:
    """A stream of random numbers.

    >>> g = Generator().manual_seed(7)
    >>> g.initial_seed()
    7
    """

    __slots__ = ("_counter", "_hosts", "_key", "_seed")

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device, "Generator")
        self.manual_seed(DEFAULT_SEED)

    @property
    def device(self) -> Device:
        """Where it lives: the CPU."""
        return CPU

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream again from a seed."""
        if isinstance(seed, bool) or not hasattr(seed, "__index__"):
            raise ArgumentError(
                message("manual_seed", "a seed is an integer", repr(seed), "an int", "use int(...)")
            ).at(user_line())
        self._seed = seed.__index__()
        self._key = _word(self._seed)
        self._counter = _word(0)
        self._hosts = 0
        return self

    def initial_seed(self) -> int:
        """The seed that the stream was started from."""
        return self._seed

    def seed(self) -> int:
        """Starts from a seed of the operating system; returns it."""
        self.manual_seed(int.from_bytes(os.urandom(7), "little"))
        return self._seed

    def get_state(self) -> Tensor:
        """Seed, counter and host draws as a tensor: -> (3) uint64."""
        row = [self._seed & (2**64 - 1), int(contents(self._counter)), self._hosts]
        return wrap(np.array(row, np.uint64), dt.uint64)

    def set_state(self, state: Tensor) -> Generator:
        """Goes on where `get_state` was taken."""
        seed, counter, hosts = (int(v) for v in contents(state))
        self.manual_seed(seed)
        self._counter = _word(counter)
        self._hosts = hosts
        return self

    def draw(self, count: int) -> Tensor:
        """The next `count` words: -> (count) uint64."""
        if local.rec.scope is not None:
            return draw_in(local.rec.scope, count, self._draw)
        return self._draw(count)

    def _draw(self, count: int) -> Tensor:
        with no_grad():
            steps = apply("iota", extent=count, dtype=dt.uint64)
            words = apply("threefry", self._key, apply("add", steps, self._counter))
            assign(self._counter, apply("add", self._counter, count))
        return words

    def host(self) -> np.random.Generator:
        """A NumPy generator for work that is done once, such as initial weights."""
        refuse_in_jit("random", "host randomness is not recorded", "initialise outside jit")
        self._hosts += 1
        key = [self._seed & (2**64 - 1), self._hosts]
        return np.random.Generator(np.random.Philox(key=np.array(key, np.uint64)))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Starts the default stream again from a seed.

    >>> a = manual_seed(0) and rand(2).tolist()
    >>> b = manual_seed(0) and rand(2).tolist()
    >>> a == b
    True
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed of the default stream."""
    return default_generator.initial_seed()


def seed() -> int:
    """Starts the default stream from a seed of the operating system; returns it."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The state of the default stream."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Goes on where `get_rng_state` was taken."""
    default_generator.set_state(state)


def host_generator() -> np.random.Generator:
    """A NumPy generator from the default stream, for work that is done once."""
    return default_generator.host()


# --- distributions --------------------------------------------------------------------------------


def _check_float(op: str, dtype: DType) -> DType:
    if dtype.kind != "f":
        raise DTypeError(
            message(
                op, "draws floats", dtype.name, "a floating-point dtype",
                "use randint for integers",
            )
        ).at(user_line())  # fmt: skip
    return dtype


def _unit(shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Tensor:
    """Uniform in [0, 1): -> shape."""
    wide = dtype if dtype in (dt.float32, dt.float64) else dt.float32
    bits = {dt.float64: 53, dt.float16: 11, dt.bfloat16: 8}.get(dtype, 24)
    words = (generator or default_generator).draw(math.prod(shape))
    top = apply("cast", apply("shift_right", words, 64 - bits), dtype=wide)
    out = apply("mul", top, 2.0**-bits)
    if wide is not dtype:
        out = apply("cast", out, dtype=dtype)
    return apply("reshape", out, shape=shape)


def _gauss(shape: tuple[int, ...], dtype: DType, generator: Generator | None) -> Tensor:
    """Standard normal by Box and Muller's transform of two uniform numbers: -> shape."""
    source = generator or default_generator
    count = math.prod(shape)
    if dtype is dt.float64:
        wide, bits = dt.float64, 53
        first = apply("shift_right", source.draw(count), 11)
        second = apply("shift_right", source.draw(count), 11)
    else:
        wide, bits = dt.float32, 24
        words = source.draw(count)
        first = apply("shift_right", words, 40)
        second = apply("bitwise_and", words, (1 << 24) - 1)
    # the first lies in (0, 1], so that its logarithm is finite
    u = apply("mul", apply("add", apply("cast", first, dtype=wide), 1.0), 2.0**-bits)
    angle = apply("mul", apply("cast", second, dtype=wide), 2.0**-bits * 2 * math.pi)
    radius = apply("sqrt", apply("mul", apply("log", u), -2.0))
    out = apply("mul", radius, apply("cos", angle))
    if wide is not dtype:
        out = apply("cast", out, dtype=dtype)
    return apply("reshape", out, shape=shape)


_PARTS = {dt.complex64: dt.float32, dt.complex128: dt.float64}


def _maker(name: str, fill: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def function(
        *size: Any, generator: Generator | None = None, dtype: DType | None = None,
        device: Any = None, requires_grad: bool = False,
    ) -> Tensor:  # fmt: skip
        check_device(device, name)
        kind = dtype or get_default_dtype()
        part = _check_float(name, _PARTS.get(kind, kind))
        with no_grad():
            out = fill(sizes(name, size), part, generator)
            if kind.is_complex:
                out = apply("complex", out, fill(sizes(name, size), part, generator))
                out = apply("mul", out, math.sqrt(0.5)) if name == "randn" else out
        return out.requires_grad_() if requires_grad else out  # type: ignore[attr-defined,no-any-return]

    function.__name__ = name
    return function


rand = _maker("rand", _unit)
rand.__doc__ = "Uniform in [0, 1), both parts of complex numbers: -> (size) float or complex."
randn = _maker("randn", _gauss)
randn.__doc__ = "Standard normal, of variance 1: -> (size) float or complex."


def rand_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Uniform in [0, 1), shaped like a tensor."""
    return rand(*input._kind.shape, dtype=dtype or input._kind.dtype, **options)


def randn_like(input: Tensor, *, dtype: DType | None = None, **options: Any) -> Tensor:
    """Standard normal, shaped like a tensor."""
    return randn(*input._kind.shape, dtype=dtype or input._kind.dtype, **options)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None,
    dtype: DType | None = None, device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Integers in [low, high): randint(high, size) or randint(low, high, size) -> (size) int64."""
    check_device(device, "randint")
    if size is None:
        low, high, size = 0, low, high
    if high <= low:
        raise ArgumentError(
            message(
                "randint", "the range is empty", f"low={low}, high={high}", "low < high",
                "high itself is never drawn",
            )
        ).at(user_line())  # fmt: skip
    shape = sizes("randint", (size,))
    words = (generator or default_generator).draw(math.prod(shape))
    offset = apply("cast", apply("remainder", words, int(high) - int(low)), dtype=dt.int64)
    out = apply("reshape", apply("add", offset, int(low)), shape=shape)
    return out if dtype in (None, dt.int64) else apply("cast", out, dtype=dtype)


def randint_like(input: Tensor, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Integers in [low, high), shaped like a tensor."""
    if high is None:
        low, high = 0, low
    options.setdefault("dtype", input._kind.dtype)
    return randint(low, high, tuple(input._kind.shape), **options)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: DType | None = None, device: Any = None
) -> Tensor:
    """The numbers 0 to n - 1 in random order: -> (n) int64."""
    check_device(device, "randperm")
    words = (generator or default_generator).draw(n)
    out = apply("argsort", words, axis=0, descending=False)
    return out if dtype in (None, dt.int64) else apply("cast", out, dtype=dtype)


def bernoulli(
    input: Tensor, p: float | None = None, *, generator: Generator | None = None
) -> Tensor:
    """1 with the probability that each element gives (or p), else 0: (...) -> (...)."""
    with no_grad():
        u = _unit(tuple(input._kind.shape), _float_of(input), generator)
        return apply("cast", apply("less", u, input if p is None else p), dtype=input._kind.dtype)


def _float_of(x: Tensor) -> DType:
    return x._kind.dtype if x._kind.dtype.kind == "f" else dt.float32


def normal(
    mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
    dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """Normal with means and deviations given as numbers or tensors: -> their shape or size."""
    given = next((t for t in (mean, std) if isinstance(t, Tensor)), None)
    shape = sizes("normal", (size,)) if size is not None else (
        tuple(np.broadcast_shapes(*[t._kind.shape for t in (mean, std) if isinstance(t, Tensor)]))
    )  # fmt: skip
    kind = dtype or (given._kind.dtype if given is not None else get_default_dtype())
    with no_grad():
        out = _gauss(tuple(shape), kind, generator)
        return apply("add", apply("mul", out, std), mean)


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Positions drawn with the given weights: (..., N) float -> (..., num_samples) int64.

    Without replacement by the largest of weight / exponential (Efraimidis and Spirakis, 2006).
    """
    shape = tuple(input._kind.shape)
    if not shape or len(shape) > 2 or (not replacement and num_samples > shape[-1]):
        raise ArgumentError(
            message(
                "multinomial", "more samples than there are categories, or no weights",
                f"{num_samples} samples of weights {shape}", "at most the last extent",
                "pass replacement=True",
            )
        ).at(user_line())  # fmt: skip
    with no_grad():
        if not replacement or num_samples == 1:
            u = _unit(shape, _float_of(input), generator)
            wait = apply("neg", apply("log1p", apply("neg", u)))  # exponential, in [0, inf)
            score = apply("div", input, apply("add", wait, 1e-30))
            axis = len(shape) - 1
            if num_samples == 1:
                return apply("argmax", score, axis=axis, keepdims=True)
            order = apply("argsort", score, axis=axis, descending=True)
            ones = (1,) * len(shape)
            sizes_ = (*shape[:-1], num_samples)
            return apply("slice", order, starts=(0,) * len(shape), sizes=sizes_, steps=ones)
        axis = len(shape) - 1
        total = apply("cumulate", input, axis=axis, kind="add")
        n = shape[-1]
        last = apply("amax", total, axes=(axis,), keepdims=True)
        u = apply("mul", _unit((*shape[:-1], num_samples), _float_of(input), generator), last)
        u = apply("reshape", u, shape=(*shape[:-1], num_samples, 1))
        total = apply("reshape", total, shape=(*shape[:-1], 1, n))
        below = apply("cast", apply("less_equal", total, u), dtype=dt.int64)
        found = apply("sum", below, axes=(axis + 1,), keepdims=False)
        return apply("minimum", found, n - 1)


# --- in place -------------------------------------------------------------------------------------


def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None,
    **options: Any,
) -> Tensor:  # fmt: skip
    """In place: uniform in [from, to)."""
    low = options.pop("from", from_)
    u = _unit(tuple(self._kind.shape), _check_float("uniform_", self._kind.dtype), generator)
    if low or to != 1.0:
        u = apply("add", apply("mul", u, float(to) - float(low)), float(low))
    return update(self, u, "uniform")


def normal_(
    self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """In place: normal."""
    x = _gauss(tuple(self._kind.shape), _check_float("normal_", self._kind.dtype), generator)
    if std != 1 or mean:
        x = apply("add", apply("mul", x, float(std)), float(mean))
    return update(self, x, "normal")


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """In place: 1 with probability p, else 0."""
    u = _unit(tuple(self._kind.shape), _float_of(self), generator)
    return update(self, apply("cast", apply("less", u, p), dtype=self._kind.dtype), "copy")


def random_(
    self: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """In place: integers in [from, to)."""
    low, high = (0, from_) if to is None and from_ else (from_, to)
    if high is None:
        high = 2**24 if self._kind.dtype.kind == "f" else 2 ** (self._kind.dtype.bits - 1)
    return update(self, randint(low, high, tuple(self._kind.shape), generator=generator), "copy")


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """In place: exponential with rate lambd."""
    u = _unit(tuple(self._kind.shape), _check_float("exponential_", self._kind.dtype), generator)
    wait = apply("neg", apply("log1p", apply("neg", u)))
    return update(self, apply("div", wait, float(lambd)), "exponential")


METHODS: dict[str, Callable[..., Any]] = {
    "uniform_": uniform_, "normal_": normal_, "bernoulli_": bernoulli_, "random_": random_,
    "exponential_": exponential_, "multinomial": multinomial, "bernoulli": bernoulli,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "rand": rand, "randn": randn, "rand_like": rand_like, "randn_like": randn_like,
    "randint": randint, "randint_like": randint_like, "randperm": randperm,
    "bernoulli": bernoulli, "normal": normal, "multinomial": multinomial,
    "manual_seed": manual_seed, "initial_seed": initial_seed, "seed": seed,
    "get_rng_state": get_rng_state, "set_rng_state": set_rng_state,
}  # fmt: skip
