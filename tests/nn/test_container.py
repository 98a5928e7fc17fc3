"""firth.nn.container."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import firth
from firth import nn


def test_sequential_indexes_slices_and_runs() -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3
    assert net[-1] is net[2]
    head = net[:2]
    assert isinstance(head, nn.Sequential)
    assert list(head.state_dict()) == ["0.weight", "0.bias"]
    assert list(net[1:].state_dict()) == ["2.weight", "2.bias"]
    assert net(firth.ones(4, 2)).shape == (4, 1)
    assert [type(m).__name__ for m in net] == ["Linear", "ReLU", "Linear"]
    with pytest.raises(IndexError):
        net[3]


def test_sequential_with_names() -> None:
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), act=nn.ReLU()))
    assert list(net.state_dict()) == ["first.weight", "first.bias"]
    assert net.first is net[0]
    net[1] = nn.Tanh()
    assert isinstance(net.act, nn.Tanh)
    net.append(nn.Identity())
    assert len(net) == 3


def test_module_list_changes() -> None:
    items = nn.ModuleList([nn.ReLU()])
    items.append(nn.Tanh()).extend([nn.Identity(), nn.Sigmoid()])
    items.insert(1, nn.GELU())
    assert [type(m).__name__ for m in items] == ["ReLU", "GELU", "Tanh", "Identity", "Sigmoid"]
    items[1] = nn.SiLU()
    del items[0]
    assert [n for n, _ in items.named_children()] == ["0", "1", "2", "3"]
    assert isinstance(items[0], nn.SiLU)
    assert isinstance(items[-2:], nn.ModuleList)
    assert len(items[-2:]) == 2


def test_module_dict() -> None:
    table = nn.ModuleDict({"a": nn.Linear(1, 1)})
    table["b"] = nn.ReLU()
    table.update([("c", nn.Tanh())])
    assert list(table) == ["a", "b", "c"]
    assert "b" in table
    del table["b"]
    assert list(table.keys()) == ["a", "c"]
    assert len(table) == 2
    assert [n for n, _ in table.items()] == ["a", "c"]
    assert list(table.state_dict()) == ["a.weight", "a.bias"]


def test_parameter_list() -> None:
    params = nn.ParameterList([nn.Parameter(firth.zeros(2)), nn.Parameter(firth.ones(3))])
    params.append(nn.Parameter(firth.zeros(1)))
    assert list(params.state_dict()) == ["0", "1", "2"]
    assert [p.shape[0] for p in params] == [2, 3, 1]
    assert params[1].tolist() == [1.0, 1.0, 1.0]
