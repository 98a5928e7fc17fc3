"""firth.nn.module: the traversal and everything that is one line over it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn


def network(package: Any) -> Any:
    class Block(package.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.fc = package.Linear(4, 4)
            self.norm = package.BatchNorm1d(4)

        def forward(self, x: Any) -> Any:
            return self.norm(self.fc(x)).relu()

    class Net(package.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", (firth if package is nn else torch).ones(3))
            self.register_buffer("hidden", (firth if package is nn else torch).ones(3), False)
            self.blocks = package.ModuleList([Block(), Block()])
            self.head = package.Sequential(package.Linear(4, 2), package.ReLU())
            self.tied = self.head[0]
            self.bias = None

        def forward(self, x: Any) -> Any:
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    return Net()


OURS, THEIRS = network(nn), network(tnn)


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


@pytest.mark.parametrize(
    "method", ["named_parameters", "named_buffers", "named_modules", "named_children"]
)
def test_names_are_pytorchs(method: str) -> None:
    assert names(getattr(OURS, method)()) == names(getattr(THEIRS, method)())


def test_duplicates_on_request() -> None:
    for method in ("named_parameters", "named_modules"):
        ours = getattr(OURS, method)(remove_duplicate=False)
        assert names(ours) == names(getattr(THEIRS, method)(remove_duplicate=False))
    assert names(OURS.named_parameters("p", False)) == []


def test_state_dict_has_pytorchs_keys_and_layouts() -> None:
    ours, theirs = OURS.state_dict(), THEIRS.state_dict()
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        assert tuple(ours[name].shape) == tuple(tensor.shape)
        assert ours[name].dtype.name == str(tensor.dtype).removeprefix("torch.")


def test_state_dict_shares_memory() -> None:
    layer = nn.Linear(2, 2)
    state = layer.state_dict()
    with firth.no_grad():
        layer.weight.fill_(3.0)
    assert state["weight"].tolist() == [[3.0, 3.0], [3.0, 3.0]]
    assert not state["weight"].requires_grad


def test_load_state_dict_copies_every_tensor() -> None:
    net = network(nn)
    state = {k: v.numpy() for k, v in THEIRS.state_dict().items()}
    assert str(net.load_state_dict(state)) == "<All keys matched successfully>"
    for name, array in state.items():
        assert np.array_equal(np.asarray(net.state_dict()[name]), array)
    assert isinstance(net.head[0].weight, nn.Parameter)
    assert net.head[0].weight.requires_grad


def test_load_state_dict_names_every_difference_at_once() -> None:
    net = network(nn)
    state = dict(net.state_dict())
    state["blocks.0.fc.wieght"] = state.pop("blocks.0.fc.weight")
    state["head.0.bias"] = firth.zeros(7)
    before = net.scale.tolist()
    state["scale"] = firth.zeros(3)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "missing: blocks.0.fc.weight" in text
    assert "unexpected: blocks.0.fc.wieght (is it blocks.0.fc.weight?)" in text
    assert "head.0.bias: got (7,), expected (2,)" in text
    assert net.scale.tolist() == before  # nothing was copied
    del state["head.0.bias"], state["tied.bias"]
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert missing == ["blocks.0.fc.weight", "head.0.bias", "tied.bias"]
    assert unexpected == ["blocks.0.fc.wieght"]


def test_train_eval_apply_and_requires_grad() -> None:
    net = network(nn)
    assert net.training
    assert not any(m.training for m in net.eval().modules())
    seen: list[Any] = []
    theirs: list[Any] = []
    assert net.apply(seen.append) is net
    network(tnn).apply(theirs.append)
    assert [type(m).__name__ for m in seen] == [type(m).__name__ for m in theirs]
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_casts() -> None:
    net = network(nn)
    weight = net.blocks[0].fc.weight
    assert net.double() is net
    assert net.blocks[0].fc.weight is weight
    assert weight.dtype is firth.float64
    assert weight.requires_grad
    assert weight.is_leaf
    assert net.blocks[0].norm.num_batches_tracked.dtype is firth.int64
    assert net.to("cpu", firth.float32).scale.dtype is firth.float32
    assert net.half().scale.dtype is firth.float16
    with pytest.raises(ValueError, match="device"):
        net.to("cuda")


def test_zero_grad() -> None:
    layer = nn.Linear(2, 1)
    layer(firth.ones(1, 2)).sum().backward()
    assert layer.weight.grad is not None
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.tolist() == [[0.0, 0.0]]
    layer.zero_grad()
    assert layer.weight.grad is None


def test_a_plain_tensor_cannot_replace_a_parameter() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(TypeError, match=r"nn\.Parameter"):
        layer.weight = firth.zeros(1, 2)
    layer.bias = None
    assert names(layer.named_parameters()) == ["weight"]
    layer.weight = nn.Parameter(firth.ones(1, 2))
    assert layer(firth.ones(1, 2)).tolist() == [[2.0]]


def test_registration_refuses_bad_names() -> None:
    module = nn.Module()
    for bad in ("", "a.b", "forward"):
        with pytest.raises(KeyError):
            module.register_buffer(bad, None)
    module.register_parameter("p", nn.Parameter(firth.zeros(1)))
    module.add_module("m", nn.ReLU())
    assert names(module.named_parameters()) == ["p"]
    assert names(module.named_children()) == ["m"]


def test_a_buffer_stays_one_when_it_is_replaced_and_goes_when_deleted() -> None:
    module = nn.Module()
    module.register_buffer("b", firth.zeros(2))
    module.b = firth.ones(3)
    assert module.state_dict()["b"].tolist() == [1.0, 1.0, 1.0]
    del module.b
    assert not module.state_dict()


def test_hooks() -> None:
    layer = nn.Identity()
    seen: list[Any] = []
    before = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    after = layer.register_forward_hook(lambda module, args, out: seen.append(out) or out * 2)
    assert layer(firth.tensor(1.0)).item() == 4.0
    assert seen[0].item() == 2.0
    before.remove()
    after.remove()
    assert layer(firth.tensor(1.0)).item() == 1.0


def test_repr_is_pytorchs() -> None:
    assert repr(OURS) == repr(THEIRS)
    empty = nn.Module()
    assert repr(empty) == "Module()"
    empty.scale = nn.Parameter(firth.zeros(2, 3))
    assert repr(empty) == "Module(\n  (scale): Parameter(2, 3)\n)"


def test_get_submodule() -> None:
    assert OURS.get_submodule("blocks.1.fc") is OURS.blocks[1].fc
    assert OURS.get_submodule("") is OURS
    assert OURS.get_parameter("blocks.1.fc.bias") is OURS.blocks[1].fc.bias
    with pytest.raises(AttributeError, match=r"blocks\.1\.fc"):
        OURS.get_submodule("blocks.2")


def test_a_shape_error_names_the_layer_and_the_line() -> None:
    with pytest.raises(ValueError) as caught:
        network(nn)(firth.zeros(2, 3))
    text = str(caught.value)
    assert "in layer blocks.0.fc" in text
    assert "test_module.py" in text
    assert text.count("in layer") == 1


def test_copies_share_nothing() -> None:
    net = network(nn)
    twin = copy.deepcopy(net)
    with firth.no_grad():
        net.blocks[0].fc.weight.zero_()
    assert twin.blocks[0].fc.weight.detach().numpy().any()
    assert twin.tied is twin.head[0]
    assert names(twin.named_parameters()) == names(net.named_parameters())


def test_no_forward() -> None:
    with pytest.raises(NotImplementedError, match="forward"):
        nn.Module()(1)


def test_attributes_before_init() -> None:
    class Early(nn.Module):
        def __init__(self) -> None:
            self.fc = nn.Linear(1, 1)
            super().__init__()

    assert len(list(Early().parameters())) == 2
