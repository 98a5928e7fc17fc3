"""Wrong arguments to public functions: an error of Firth's that says what is wrong, promptly.

FIRTH_HOSTILE=large makes 20,000 calls, a number that many; FIRTH_HOSTILE_SEED chooses others.
"""

from __future__ import annotations

import faulthandler
import inspect
import os
import random
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import firth
from firth import array_api, distributions, einops, fft, linalg, masked, sparse, special
from firth.base.errors import ArgumentError, DTypeError, FirthError, InternalError, OutOfMemory
from firth.nn import functional
from firth.signal import windows
from firth.tensor import __all__ as TENSOR_NAMES

_ASKED = os.environ.get("FIRTH_HOSTILE", "250")
CALLS = 20_000 if _ASKED == "large" else int(_ASKED)
SEED = int(os.environ.get("FIRTH_HOSTILE_SEED", "0"))
SHAPES = [(), (0,), (3,), (2, 3), (3, 3), (2, 0, 3), (1, 2, 5, 5)]
DTYPES = ["float32", "float64", "float16", "int64", "uint8", "bool", "complex64"]
OTHERS: list[Any] = [
    0, 1, 2, -1, -5, 3, 10**15, 2**63, -(2**63), 2**70, 0.5, -1.5, float("nan"), float("inf"),
    1e300, True, None, "sum", "nonsense", "", (), [], (1,), (-1,), (-5, 2), [0, 1], (10**15,),
    (10**8, 10**8), [1.5], ["a"], object(), firth.float32, firth.bool, slice(None), 1j, {},
    np.float32(2), np.int64(-3), np.arange(3),
]  # fmt: skip
# Settings of the process, what is read from files, and what takes a list apart, however long.
LEFT_OUT = (
    "seed", "set_", "is_strict", "hook", "tensor_split", "adaptive_", "_state", "debug", "profile",
    "register_kl", ".load", ".save",
)  # fmt: skip
PATTERNS = ["a b -> b a", "a b -> a", "(a b) c -> a b c", "a ... -> ... a", "a b, b c -> a c", "*"]
# Python's own words for a call with another number of arguments, or other names of them.
ARITY = r"positional argument|keyword|multiple values|required argument"
LIMIT_S = 60  # for one call


def functions() -> dict[str, Any]:
    found = {f"firth.{name}": getattr(firth, name) for name in TENSOR_NAMES}
    for module in (
        special, linalg, fft, functional, array_api, array_api.linalg, array_api.fft, einops,
        sparse, masked, windows, distributions,
    ):  # fmt: skip
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n[0] != "_"]
        found |= {f"{module.__name__}.{name}": getattr(module, name) for name in names}
    found |= {f"Tensor.{n}": f for n, f in vars(firth.Tensor).items() if n[0] != "_"}
    return {
        name: f for name, f in found.items() if not any(w in name for w in LEFT_OUT)
        and (inspect.isfunction(f) or isinstance(f, type) and "distributions" in name)
    }  # fmt: skip


def tensor(rng: random.Random) -> firth.Tensor:
    shape, dtype = rng.choice(SHAPES), rng.choice(DTYPES)
    values = [rng.choice([0, 1, 2, -1, 3, 7, 100, -100]) for _ in range(int(np.prod(shape)))]
    return firth.tensor(values, dtype=firth.float64).reshape(shape).to(getattr(firth, dtype))


def argument(rng: random.Random) -> Any:
    chance = rng.random()
    if chance < 0.45:
        return tensor(rng)
    if chance < 0.5:
        return [tensor(rng) for _ in range(rng.randint(1, 3))]
    return rng.choice(PATTERNS) if chance > 0.95 else rng.choice(OTHERS)


def call(rng: random.Random, f: Any) -> tuple[list[Any], dict[str, Any]]:
    given = list(inspect.signature(f).parameters.values())
    places = [p for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    args = [argument(rng) for _ in range(rng.randint(needed, len(places)))]
    args += [argument(rng) for p in given if p.kind is p.VAR_POSITIONAL for _ in range(2)]
    if args and rng.random() < 0.8:
        args[0] = tensor(rng)
    words = {
        p.name: argument(rng) for p in given
        if p.kind is p.KEYWORD_ONLY and (p.default is p.empty or rng.random() < 0.25)
    }  # fmt: skip
    return args, words


def read(value: Any) -> None:
    if isinstance(value, firth.Tensor) and value.numel() <= 10**6:
        value.tolist()
    elif isinstance(value, (tuple, list)) and len(value) < 100:
        for each in value:
            read(each)


@pytest.fixture
def limited() -> Iterator[None]:
    """The process ends with every thread's stack when one call takes too long."""
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_end_in_an_error(limited: None) -> None:
    rng = random.Random(SEED)
    table = functions()
    names = sorted(table)
    for _ in range(CALLS):
        name = rng.choice(names)
        args, words = call(rng, table[name])
        said = f"{name}(*{[getattr(a, 'shape', a) for a in args]!r}, **{words!r})"
        faulthandler.dump_traceback_later(LIMIT_S, exit=True)
        try:
            with np.errstate(all="ignore"):
                read(table[name](*args, **words))
        except InternalError as error:
            raise AssertionError(said) from error
        except FirthError:
            pass
        except Exception as error:
            formed = re.match(r"[\w. ]+: .*; got .*, expected ", str(error), re.S)
            assert formed or re.search(ARITY, str(error)), f"{said}: {error!r}"


@pytest.mark.parametrize(
    "ask",
    [
        lambda: firth.zeros(10**15), lambda: firth.ones(10**8, 10**8).sum(),
        lambda: firth.arange(10**14), lambda: firth.randn(10**14),
        lambda: firth.ones(3).repeat(10**12).tolist(), lambda: firth.zeros(10**12).tolist(),
        lambda: firth.ones(1).expand(10**12).tolist(), lambda: firth.empty(2**40, 4),
    ],
)  # fmt: skip
def test_huge_requests_are_refused_before_any_work(ask: Any) -> None:
    with pytest.raises(OutOfMemory, match="memory"):
        ask()


def test_huge_views_are_fine() -> None:
    assert firth.ones(1).expand(10**12).shape == (10**12,)


def test_what_is_no_dtype_no_dimension_no_number() -> None:
    x = firth.ones(3, dtype=firth.int32)
    with pytest.raises(DTypeError, match="a tensor stands where only a number or a dtype can"):
        firth.zeros_like(x, dtype=x[0])
    with pytest.raises(DTypeError, match="this is no dtype"):
        firth.promote_types(x, firth.float32)
    with pytest.raises(TypeError, match="a dimension is a whole number"):
        x.sum(dim="rows")
    with pytest.raises(ArgumentError, match="more than 64 bits"):
        firth.fmod(x, 2**70)


def test_a_number_too_large_for_a_known_program() -> None:
    x = firth.arange(3)
    plus = lambda number: (x + number).tolist()
    assert [plus(1), plus(2)] == [[1, 2, 3], [2, 3, 4]]  # from now on the number is an input
    with pytest.raises(ArgumentError, match="more than 64 bits"):
        plus(2**70)
    assert plus(5) == [5, 6, 7]


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: firth.roll(x, [1.5], [0]), lambda x: firth.diag_embed(x, 0.5),
        lambda x: firth.hsplit(x, [1.5]), lambda x: firth.hsplit(x, 2**63 - 1),
        lambda x: firth.ones(()).expand(-5, 3),
        lambda x: firth.array_api.broadcast_to(x, (-5, 3)), lambda x: x.expand(-1, 3),
        lambda x: firth.hsplit(x, firth.tensor([0.0, 2.0, 1.0])), lambda x: x.fill_(firth.bool),
        lambda x: firth.full_like(x, (3,)), lambda x: firth.full((3,), "1"),
        lambda x: firth.full((3,), [1, 2]), lambda x: x.std(correction=(1,)),
        lambda x: x.var(correction=firth.tensor(1)), lambda x: firth.std_mean(x, correction="a"),
        lambda x: firth.lu_unpack(firth.ones(1, 5, 5), -5),
        lambda x: firth.lu_unpack(firth.ones(5, 5), firth.ones(5)),
        lambda x: firth.special.legendre_polynomial_p(x, x.to(firth.complex64)),
        lambda x: firth.fft.ifft(firth.ones(2, 0, 3), 2**70), lambda x: firth.zeros(0, 2**61),
        lambda x: firth.linalg.solve(firth.eye(3).half(), x[:, None]),
        lambda x: functional.lp_pool2d(3, 2**63, 1), lambda x: functional.group_norm(x[None], (1,)),
        lambda x: firth.fill(x.int(), np.inf), lambda x: firth.full((3,), np.nan, dtype=firth.int8),
        lambda x: firth.kthvalue(x, np.float32(2)),
        lambda x: firth.igamma(x, x.to(firth.complex64)), lambda x: (x * 1j).polygamma(2),
        lambda x: firth.diagonal_scatter(firth.ones(3, 3), x[:1], firth.tensor(2)),
    ],
)  # fmt: skip
def test_what_is_no_shape_or_number_is_never_computed(ask: Any) -> None:
    with pytest.raises(FirthError, match=r"^\w+: .*; got .*, expected ") as caught:
        ask(firth.ones(3))
    assert not isinstance(caught.value, InternalError)


def test_sizes_of_numpy_are_pythons() -> None:
    parts = firth.ones(3, 5).split_with_sizes(list(np.arange(3)))
    assert [part.tolist() for part in parts] == [[], [[1.0] * 5], [[1.0] * 5] * 2]


def test_a_factor_that_is_no_number() -> None:
    with pytest.raises(DTypeError, match="add: an operand is no tensor"):
        firth.add(firth.ones(3), 2**63, alpha="a")
