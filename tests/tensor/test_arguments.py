"""What stands where a tensor belongs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import firth
from firth.base.errors import DTypeError, FirthError, InternalError
from firth.nn import functional
from firth.passes import grad
from firth.tensor.arguments import guard, guarded, leave

X = firth.ones(3)


@pytest.mark.parametrize(
    ("call", "op", "wrong", "got"),
    [
        (lambda: firth.softmax(None, 0), "softmax", "input is no tensor", "None"),
        (lambda: firth.sort(["a"]), "sort", "input is no tensor", "a list of str"),
        (lambda: X.matmul("a"), "matmul", "an operand is no tensor", "str"),
        (lambda: firth.cumsum({}, 0), "cumsum", "input is no tensor", "dict"),
        (lambda: functional.linear(X, None), "linear", "weight is no tensor", "None"),
        (lambda: firth.nn.ReLU()(object()), "ReLU", "x is no tensor", "object"),
        (lambda: firth.nn.Linear(3, 1)(np.ones(3)), "Linear", "input is no tensor",
         "numpy.ndarray"),
        (lambda: firth.nn.Linear("a", 1), "Linear", "in_features is of another kind", "'a' (str)"),
        (lambda: firth.stack(None), "stack", "tensors is no sequence of tensors", "None"),
        (lambda: firth.linalg.inv({}), "inv", "A is no tensor", "dict"),
        (lambda: firth.add(X, object()), "add", "an operand is no tensor", "object"),
        (lambda: X.sum(dim="rows"), "sum", "a dimension is a whole number", "'rows'"),
    ],
)  # fmt: skip
def test_errors_name_the_op_the_argument_and_the_users_line(
    call: Any, op: str, wrong: str, got: str
) -> None:
    with pytest.raises(DTypeError) as caught:
        call()
    words = str(caught.value)
    form = rf"{op}: {re.escape(wrong)}; got .*{re.escape(got)}, expected .*; .+\n  at .*"
    assert re.match(form, words), words
    assert "test_arguments.py" in words


def _functions_of_tensors() -> Iterator[tuple[str, Any, int]]:
    for module in (firth, functional, firth.special, firth.fft, firth.linalg, firth.array_api):
        for name in module.__all__:
            function = getattr(module, name, None)
            if inspect.isfunction(function):
                given = list(inspect.signature(function).parameters.values())
                needed = [p for p in given if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
                words = [p for p in given if p.default is p.empty and p.kind is p.KEYWORD_ONLY]
                if needed and not words and needed[0].annotation == "Tensor":
                    yield f"{module.__name__}.{name}", function, len(needed)


@pytest.mark.parametrize(
    "value", [None, "a", ["a"], object()], ids=["none", "text", "list", "object"]
)
def test_every_public_function_of_tensors_refuses_others(value: Any) -> None:
    for name, function, needed in _functions_of_tensors():
        for place in range(1 if name.endswith(("repeat", "as_strided")) else needed):
            args: list[Any] = [0] * needed
            args[place] = value
            try:
                function(*args)
            except FirthError:
                continue
            except Exception as error:
                raise AssertionError(f"{name}, argument {place}: {value!r}") from error


def test_what_a_users_own_function_raises_is_left_alone() -> None:
    def fails(x: Any) -> Any:
        raise AttributeError("mine")

    with pytest.raises(AttributeError, match=r"^mine$"):
        firth.jvp(fails, (X,), (X,))


def test_a_guard_keeps_the_signature_and_is_made_once() -> None:
    def half(x: firth.Tensor, /, y: int = 2, *, key: str = "k") -> Any:
        return (x, y, key)

    made = guard(half)  # type: ignore[arg-type]
    assert guard(half) is made is guard(made)  # type: ignore[arg-type]
    assert inspect.signature(made) == inspect.signature(half)
    assert made.__name__ == "half"
    assert made(X) == (X, 2, "k") == made(X, y=2, key="k")
    with pytest.raises(TypeError):
        made(x=X)
    space = {"half": half, "_own": half, "n": 3}
    guarded(space)
    assert space["half"] is made and space["_own"] is half
    leave(test_what_a_users_own_function_raises_is_left_alone)  # type: ignore[arg-type]


def test_python_errors_from_within_keep_their_words() -> None:
    with pytest.raises(DTypeError, match=r"roll: an argument does not fit; got .*None") as caught:
        firth.roll(X, None)
    assert isinstance(caught.value.__cause__, TypeError)


def test_an_error_of_the_compiler_is_no_arguments_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        return 1 // 0

    words = "Firth itself failed; got {}Error: .*; this is a bug in Firth"
    x = firth.ones(7, 11, requires_grad=True)
    with monkeypatch.context() as broken:
        broken.setattr(grad, "_pull", None)
        with pytest.raises(InternalError, match=f"backward: {words.format('Type')}") as caught:
            x.sinh().sum().backward()
    assert isinstance(caught.value.__cause__, TypeError)
    monkeypatch.setattr(firth.targets.get("cpu"), "compile", fails)
    monkeypatch.setenv("FIRTH_TARGET", "cpu")
    with pytest.raises(InternalError, match=f"compile: {words.format('ZeroDivision')}"):
        bool(firth.ones(7, 13, 17).cosh().sum() > 1)


@pytest.mark.parametrize("name", ["vmap", "grad", "jacrev", "jacfwd", "hessian", "jit"])
def test_what_is_no_function_is_refused(name: str) -> None:
    made = getattr(firth.func, name, None) or getattr(firth, name)
    with pytest.raises(DTypeError, match=r"this is no function; got 3"):
        made(3)


@pytest.mark.parametrize("bound", ["a", 1.5, firth.tensor(0.5)])
def test_a_slice_to_what_is_no_integer_is_refused(bound: Any) -> None:
    with pytest.raises(DTypeError, match="this is no index"):
        X[0:bound]
