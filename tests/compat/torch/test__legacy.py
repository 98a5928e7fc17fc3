"""Small names of PyTorch."""

import pytest

import firth.compat.torch as torch
from firth.base import flags
from firth.base.errors import ArgumentError


def test_typed_constructors():
    assert torch.LongTensor([1, 2]).dtype is torch.long
    assert torch.FloatTensor([[1, 2]]).tolist() == [[1.0, 2.0]]
    assert torch.FloatTensor(2, 3).shape == (2, 3)
    assert torch.BoolTensor([1, 0]).tolist() == [True, False]
    assert torch.Tensor([1, 2]).dtype is torch.float
    assert torch.Tensor(2, 3).shape == (2, 3)


def test_variables_are_tensors():
    x = torch.autograd.Variable(torch.ones(2), requires_grad=True)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_compile_gives_back_what_it_gets():
    model = torch.nn.Linear(2, 2)
    assert torch.compile(model, mode="max-autotune") is model

    @torch.compile(fullgraph=True)
    def double(x):
        return 2 * x

    assert double(torch.ones(1)).item() == 2


def test_mixed_precision_is_off():
    with pytest.warns(UserWarning, match="disabled"):
        scaler = torch.amp.GradScaler()
    with torch.autocast("cuda", enabled=False):
        loss = torch.ones(1, requires_grad=True) * 2
    assert scaler.scale(loss) is loss
    with pytest.raises(ArgumentError, match=r"autocast: .*bfloat16"):
        torch.autocast("cpu")


def test_settings():
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
    finally:
        flags.put("FIRTH_THREADS", None)
    with pytest.raises(ArgumentError, match="set_num_threads"):
        torch.set_num_threads(0)
    torch.set_float32_matmul_precision("high")
    torch.use_deterministic_algorithms(True)


def test_the_version_can_be_compared():
    assert tuple(int(n) for n in torch.__version__.split("+")[0].split(".")) >= (2, 0)
    assert torch.__version__.endswith("+firth")
