"""Wrong arguments to public functions: an error of ours or of Python's families, promptly, always.

FIRTH_HOSTILE=10000 makes that many calls; FIRTH_HOSTILE_SEED chooses others.
"""

from __future__ import annotations

import inspect
import os
import random
from typing import Any

import numpy as np
import pytest

import firth
from firth import fft, linalg, special
from firth.base.errors import ArgumentError, DTypeError, FirthError, OutOfMemory, VerifyError
from firth.nn import functional
from firth.tensor.methods import FUNCTIONS

CALLS = int(os.environ.get("FIRTH_HOSTILE", "150"))
SEED = int(os.environ.get("FIRTH_HOSTILE_SEED", "0"))
SHAPES = [(), (0,), (3,), (2, 3), (3, 3), (2, 0, 3), (1, 2, 5, 5)]
DTYPES = ["float32", "float64", "float16", "int64", "uint8", "bool", "complex64"]
OTHERS: list[Any] = [
    0, 1, 2, -1, -5, 3, 10**15, 2**63, -(2**63), 2**70, 0.5, -1.5, float("nan"), float("inf"),
    1e300, True, None, "sum", "nonsense", "", (), [], (1,), (-1,), (-5, 2), [0, 1], (10**15,),
    (10**8, 10**8), [1.5], ["a"], object(), firth.float32, firth.bool, slice(None), 1j, {},
    np.float32(2), np.int64(-3), np.arange(3),
]  # fmt: skip
# Settings of the process, and what takes a list apart element by element, however long.
LEFT_OUT = ("seed", "set_", "is_strict", "hook", "tensor_split", "adaptive_", "_state")


def functions() -> dict[str, Any]:
    found = {f"firth.{name}": f for name, f in FUNCTIONS.items()}
    for module in (special, linalg, fft, functional):
        for name in module.__all__:
            f = getattr(module, name)
            if inspect.isfunction(f):
                found[f"{module.__name__}.{name}"] = f
    for name, f in inspect.getmembers(firth.Tensor, inspect.isfunction):
        if not name.startswith("_"):
            found[f"Tensor.{name}"] = f
    return {name: f for name, f in found.items() if not any(w in name for w in LEFT_OUT)}


def tensor(rng: random.Random) -> firth.Tensor:
    shape, dtype = rng.choice(SHAPES), rng.choice(DTYPES)
    values = [rng.choice([0, 1, 2, -1, 3, 7, 100, -100]) for _ in range(int(np.prod(shape)))]
    return firth.tensor(values, dtype=firth.float64).reshape(shape).to(getattr(firth, dtype))


def call(rng: random.Random, f: Any) -> tuple[list[Any], dict[str, Any]]:
    given = list(inspect.signature(f).parameters.values())
    places = [p for p in given if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = sum(p.default is p.empty for p in places)
    args = [
        tensor(rng) if rng.random() < 0.5 else rng.choice(OTHERS)
        for _ in range(rng.randint(needed, len(places)))
    ]
    if args:
        args[0] = tensor(rng)
    words = {
        p.name: rng.choice(OTHERS) for p in given
        if p.kind is p.KEYWORD_ONLY and rng.random() < 0.25
    }  # fmt: skip
    return args, words


def read(value: Any) -> None:
    if isinstance(value, firth.Tensor) and value.numel() <= 10**6:
        value.tolist()
    elif isinstance(value, (tuple, list)) and len(value) < 100:
        for each in value:
            read(each)


@pytest.mark.filterwarnings("ignore")
def test_wrong_arguments_end_in_an_error() -> None:
    rng = random.Random(SEED)
    table = functions()
    names = sorted(table)
    kinds = {type(v).__name__ for v in OTHERS} | {"Tensor"}
    for _ in range(CALLS):
        name = rng.choice(names)
        args, words = call(rng, table[name])
        said = f"{name}(*{[getattr(a, 'shape', a) for a in args]!r}, **{words!r})"
        try:
            with np.errstate(all="ignore"):
                read(table[name](*args, **words))
        except VerifyError as error:
            raise AssertionError(said) from error
        except (FirthError, TypeError, ValueError, IndexError):
            pass
        except AttributeError as error:  # Python's own words for another type
            known = any(f"{kind}' object has no" in str(error) for kind in kinds)
            assert known or "DType has no" in str(error), said
        except BaseException as error:
            raise AssertionError(said) from error


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
    with pytest.raises(DTypeError, match="this is no dtype"):
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
