"""grad, value_and_grad, vjp, custom gradients, hooks."""

from __future__ import annotations

import pytest

import firth


def test_grad_nests() -> None:
    f = firth.grad(firth.grad(firth.grad(lambda x: x**4)))
    assert f(firth.tensor(2.0)).item() == 48.0


def test_value_and_grad_of_several_arguments() -> None:
    value, (ga, gb) = firth.value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(
        firth.tensor([1.0, 2.0]), firth.tensor([3.0, 4.0])
    )
    assert value.item() == 11.0 and ga.tolist() == [3.0, 4.0] and gb.tolist() == [1.0, 2.0]
    assert not value.requires_grad


def test_more_results_come_through() -> None:
    (value, more), g = firth.value_and_grad(lambda x: (x * x, "more"), has_aux=True)(
        firth.tensor(3.0)
    )
    assert value.item() == 9.0 and more == "more" and g.item() == 6.0


def test_vjp() -> None:
    value, pull = firth.vjp(lambda a, b: a * b, firth.tensor([1.0, 2.0]), firth.tensor([3.0, 4.0]))
    assert value.tolist() == [3.0, 8.0]
    assert [g.tolist() for g in pull(firth.tensor([1.0, 10.0]))] == [[3.0, 40.0], [1.0, 20.0]]


def test_mistakes() -> None:
    with pytest.raises(firth.FirthError, match="several elements"):
        firth.grad(lambda x: x * 2)(firth.ones(3))
    with pytest.raises(firth.FirthError, match="float tensors"):
        firth.grad(lambda x: x)(firth.tensor(1))


def test_what_is_used_from_outside_keeps_its_gradient() -> None:
    w, x = firth.tensor(2.0, requires_grad=True), firth.tensor(3.0)
    g = firth.grad(lambda x: w * x * x)(x)
    assert g.requires_grad and g.item() == 12.0
    g.backward()  # a penalty on the gradient, say
    assert w.grad.item() == 6.0
    with firth.no_grad():
        assert not firth.grad(lambda x: w * x * x)(x).requires_grad


def test_arguments_may_be_changed_in_place() -> None:
    x = firth.tensor([1.0, 2.0])
    assert firth.grad(lambda x: x.mul_(3).sum())(x).tolist() == [3.0, 3.0]
    assert firth.vjp(lambda x: x.zero_(), x)[1](firth.ones(2))[0].tolist() == [0.0, 0.0]
    assert firth.jvp(lambda x: x.mul_(x), (x,), (firth.ones(2),))[1].tolist() == [2.0, 4.0]
    assert x.tolist() == [1.0, 2.0]


def test_a_value_may_be_looked_at_on_the_way() -> None:
    seen = []

    def f(x: firth.Tensor) -> firth.Tensor:
        y = x * x
        seen.append(y.item())
        return y * x if y.item() > 1 else y

    assert firth.grad(f)(firth.tensor(2.0)).item() == 12.0
    assert firth.grad(firth.grad(f))(firth.tensor(2.0)).item() == 12.0 and seen[0] == 4.0


def test_nested_arguments() -> None:
    loss = lambda p, x: ((p["w"] * x).sum() + p["b"][0], "more")
    state = {"w": firth.ones(2), "b": [firth.tensor(1.0)]}
    (value, more), g = firth.value_and_grad(loss, has_aux=True)(state, firth.tensor([3.0, 4.0]))
    assert (value.item(), more, g["w"].tolist(), g["b"][0].item()) == (8.0, "more", [3.0, 4.0], 1.0)
    out, pull, more = firth.vjp(lambda p: ({"y": p["w"] * 2}, "more"), state, has_aux=True)
    assert out["y"].tolist() == [2.0, 2.0] and more == "more"
    assert pull({"y": firth.tensor([1.0, 5.0])})[0]["w"].tolist() == [2.0, 10.0]


def test_hooks_and_kept_gradients() -> None:
    x = firth.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.retain_grad()
    seen = []
    hook = x.register_hook(lambda g: seen.append(g.tolist()) or g * 2)
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]
    assert x.grad.tolist() == [4.0, 8.0] and seen == [[2.0, 4.0]]
    hook.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
