"""Indexing against PyTorch and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from tests.tensor.parity import check, check_writes

EXPRESSIONS = [
    "x[0]",
    "x[-1,2]",
    "x[:,1:3]",
    "x[::2]",
    "x[:,None]",
    "x[...,0]",
    "x[x>0]",
    "x[m.tensor([0,2])]",
    "x[[0,2]]",
    "x[[0,2],[1,3]]",
    "x[:,[0,2]]",
    "i[:,[0,2],:]",
    "i[:,:,m.tensor([[0,1],[2,3]])]",
    "i[m.tensor([0,1]),:,m.tensor([0,1])]",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_as_pytorch(text: str) -> None:
    check(text)


WRITES = [
    "x[0]=1",
    "x[:,1]=m.arange(3)",
    "x[1:,2:]=5",
    "x[::2]=x[1]",
    "x[x>0]=0",
    "x[[0,1]]=7",
    "x[m.tensor([0,2]),1]=m.tensor([1.,2.])",
    "x[...,-1]+=1",
    "x[0,0]*=3",
    "x.t()[1]=4",
    "x.view(-1)[5]=9",
    "y=x[1]; y+=1",
    "y=x.reshape(2,6); y[0].fill_(2)",
    "y=x.t(); y.add_(1)",
    "x.zero_()",
    "x+=1",
    "x[0].copy_(x[1])",
    "y=x.detach(); y.mul_(2)",
    "y=x[1:3]; x[2]=5; x=y",
    "y=x.flatten(); x[0]=0; x=y",
    "x[x>0]=x[x>0]*2",
    "y=x.clone(); y[0]=0",
    "x[:,[0,2]]=m.ones(3,2)",
    "x[1,[0,2]]=m.zeros(2)",
    "x[:,1:3]+=m.ones(2)",
    "x.unsqueeze(0)[0,1,2]=5",
    "x[None,1]=3",
    "x.clamp_(0,1)",
    "x.masked_fill_(x>0,2)",
    "x.exp_()",
    "x[0:2]=x[1:3].clone()",
    "y=x[0]; z=y[1:]; z.zero_(); y+=1",
]


@pytest.mark.parametrize("text", WRITES)
def test_writes_as_pytorch(text: str) -> None:
    check_writes(text)


class _Index:
    def __getitem__(self, index: Any) -> Any:
        return index


S = _Index()
INDICES = [
    S[0], S[-1], S[1, 2], S[..., 1], S[None], S[:, None, 0], S[::2], S[1:0], S[::-1], S[:, ::-2],
    S[[0, 1]], S[:, [2, 0]], S[[0, 1], :, [1, 3]], S[0, :, [1, 2]], S[[[0], [1]], [0, 2]],
    S[..., [True, False, True, False]], S[np.array([True, False])], S[:, np.array([], int)],
    S[1, ..., 1:3], S[np.int64(1)], S[np.arange(2)[:, None], np.arange(3)], S[True:], S[()],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_indices_as_numpy(index: Any) -> None:
    if isinstance(index, tuple):
        index = tuple(np.array(i) if isinstance(i, list) else i for i in index)
    array = np.arange(24.0, dtype=np.float32).reshape(2, 3, 4)
    x = firth.from_numpy(array)
    np.testing.assert_array_equal(np.asarray(x[index]), array[index])
    x[index] = -1
    array[index] = -1
    np.testing.assert_array_equal(np.asarray(x), array)


def test_assigned_values_broadcast() -> None:
    x, array = firth.zeros(3, 4), np.zeros((3, 4), np.float32)
    for index, value in ((S[1], np.arange(4.0)), (S[:, [0, 2]], np.ones(2)), (S[[0, 2]], 5.0)):
        x[index] = value
        array[index] = value
    np.testing.assert_array_equal(np.asarray(x), array)


MISTAKES = [
    (lambda x: x[3], "between -3 and 2"),
    (lambda x: x[0, 0, 0], "too many indices"),
    (lambda x: x[1.5], "this is no index"),
    (lambda x: x[firth.ones(2, 2) > 0], "mask does not fit"),
    (lambda x: x[[0, 7]], "index 7 in dimension 0"),
    (lambda x: x[[0, 1], [0, 1, 2]], "do not broadcast"),
    (lambda x: x.__setitem__(0, firth.ones(3)), "does not fit"),
]


@pytest.mark.parametrize(("mistake", "words"), MISTAKES, ids=[w for _, w in MISTAKES])
def test_mistakes_name_the_line(mistake: Any, words: str) -> None:
    with pytest.raises(firth.FirthError, match=words) as caught:
        mistake(firth.zeros(3, 4))
    assert "test_index.py" in str(caught.value)


def test_an_index_tensor_out_of_range_is_an_index_error() -> None:
    with pytest.raises(IndexError, match="out of range"):
        firth.zeros(3)[firth.tensor([5])].tolist()


def test_masks_of_no_dimension() -> None:
    x = firth.ones(2, 2)
    assert x[firth.tensor(True)].shape == (1, 2, 2) and x[firth.tensor(False)].shape == (0, 2, 2)
    x[firth.tensor(False)] = firth.zeros(0, 2, 2)
    assert x.sum() == 4
    x[firth.tensor(True)] = firth.zeros(2)
    assert x.sum() == 0
