"""Mistakes people really make, and what Firth says: what is wrong, where, and how to fix it.

Every function below makes one mistake on the line marked `# here`. The decorator lists the error's
type and words that its message must hold: the operation, what was got and expected, the fix.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import firth
import firth.nn.functional as F
from firth import nn, optim
from firth.base.errors import FirthError
from firth.data import DataLoader, TensorDataset


@dataclass(frozen=True)
class Mistake:
    """A function that makes one mistake, the type of error and the words expected."""

    make: Callable[[], Any]
    error: type[Exception]
    words: tuple[str, ...]
    where: Any  # whose source holds the line

    def line(self) -> int:
        lines, start = inspect.getsourcelines(self.where)
        (offset,) = (i for i, text in enumerate(lines) if text.rstrip().endswith("# here"))
        return start + offset


MISTAKES: dict[str, Mistake] = {}


def mistake(
    error: type[Exception], *words: str, where: Any = None
) -> Callable[[Callable[[], Any]], Any]:
    def enter(make: Callable[[], Any]) -> Callable[[], Any]:
        assert make.__name__ not in MISTAKES
        MISTAKES[make.__name__] = Mistake(make, error, words, where or make)
        return make

    return enter


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name):
    case = MISTAKES[name]
    with pytest.raises(case.error) as caught:
        case.make()
    text = str(caught.value)
    assert isinstance(caught.value, FirthError), repr(caught.value)
    missing = [word for word in case.words if word not in text]
    assert not missing, f"{missing} missing in: {text}"
    assert f"test_mistakes.py:{case.line()}" in text, text


def test_there_are_enough():
    assert len(MISTAKES) >= 40


# shapes


@mistake(ValueError, "matmul: ", "(2, 3)", "(4, 5)", "3", "4")
def matmul_inner_sizes():
    x, w = firth.ones(2, 3), firth.ones(4, 5)
    return x @ w  # here


@mistake(ValueError, "add: ", "(2, 3)", "(2,)", "dimension -1", "x[:, None]")
def broadcast_without_unsqueeze():
    x, scale = firth.ones(2, 3), firth.ones(2)
    return x + scale  # here


@mistake(ValueError, "mul_: ", "(3,)", "(2, 3)")
def in_place_result_larger():
    x = firth.ones(3)
    x *= firth.ones(2, 3)  # here


@mistake(ValueError, "concatenate: ", "(2, 3)", "(2, 4)", "dimension 1")
def cat_other_sizes_differ():
    return firth.cat([firth.ones(2, 3), firth.ones(2, 4)], dim=0)  # here


@mistake(ValueError, "cat: ", "empty")
def cat_nothing():
    return firth.cat([])  # here


@mistake(ValueError, "stack: ", "(2,)", "(3,)", "cat")
def stack_different_sizes():
    return firth.stack([firth.ones(2), firth.ones(3)])  # here


@mistake(ValueError, "view: ", "(2, 6)", "12", "(5, -1)")
def view_wrong_numel():
    return firth.ones(2, 6).view(5, -1)  # here


@mistake(ValueError, "reshape: ", "(2, 6)", "(3, 5)", "12")
def reshape_wrong_numel():
    return firth.ones(2, 6).reshape(3, 5)  # here


@mistake(ValueError, "expand: ", "(3,)", "(2, 4)")
def expand_a_size_that_is_not_one():
    return firth.ones(3).expand(2, 4)  # here


@mistake(IndexError, "sum: ", "dim 2", "-2 and 1")
def dim_out_of_range():
    return firth.ones(2, 3).sum(dim=2)  # here


@mistake(ValueError, "permute: ", "(0, 1)", "0 to 2")
def permute_too_few():
    return firth.ones(2, 3, 4).permute(0, 1)  # here


@mistake(ValueError, "split: ", "[2, 2]", "5")
def split_sizes_do_not_add_up():
    return firth.ones(5).split([2, 2])  # here


@mistake(ValueError, "tensor: ", "different lengths", "pad the rows")
def ragged_lists():
    return firth.tensor([[1, 2], [3]])  # here


@mistake(ValueError, "conv: ", "1 channels", "(8, 1, 28, 28)", "in_channels=1", "layer Conv2d")
def wrong_number_of_channels():
    conv = nn.Conv2d(3, 16, 3)
    return conv(firth.ones(8, 1, 28, 28))  # here


@mistake(ValueError, "conv2d: ", "(28, 28)", "x[:, None]")
def image_without_channels():
    conv = nn.Conv2d(1, 16, 3)
    return conv(firth.ones(28, 28))  # here


@mistake(ValueError, "conv: ", "(1, 1, 3, 3)", "add padding")
def kernel_larger_than_image():
    conv = nn.Conv2d(1, 2, 5)
    return conv(firth.ones(1, 1, 3, 3))  # here


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(784, 128)
        self.fc2 = nn.Linear(100, 10)

    def forward(self, x):
        return self.fc2(self.fc1(x))  # here


@mistake(ValueError, "linear: ", "layer fc1", "(64, 28)", "784", "flatten", where=Net)
def image_not_flattened():
    model = Net()
    return model(firth.ones(64, 28))


@mistake(ValueError, "linear: ", "layer fc2", "(4, 128)", "100", where=Net)
def layers_that_do_not_fit():
    model = Net()
    return model(firth.ones(4, 784))


@mistake(ValueError, "BatchNorm1d: ", "10", "(4, 8)", "num_features")
def batch_norm_features():
    return nn.BatchNorm1d(10)(firth.ones(4, 8))  # here


@mistake(ValueError, "batch_norm: ", "one", "eval()")
def batch_norm_of_one_row():
    return nn.BatchNorm1d(8)(firth.ones(1, 8))  # here


@mistake(ValueError, "layer_norm: ", "(..., 16)", "(4, 8)")
def layer_norm_shape():
    return nn.LayerNorm(16)(firth.ones(4, 8))  # here


# dtypes


@mistake(TypeError, "embedding: ", "float32", "int64", ".long()")
def float_tokens():
    return nn.Embedding(10, 4)(firth.ones(2, 3))  # here


@mistake(TypeError, "index: ", "float32", "int64", ".long()")
def float_index():
    return firth.ones(4)[firth.tensor([0.0, 1.0])]  # here


@mistake(TypeError, "mean: ", "int64", ".float()")
def mean_of_integers():
    return firth.tensor([1, 2]).mean()  # here


@mistake(TypeError, "tensor: ", "int64", "requires_grad", "float")
def integers_that_require_grad():
    return firth.tensor([1, 2], requires_grad=True)  # here


@mistake(TypeError, "bitwise_not: ", "float32", "bool")
def not_of_floats():
    return ~firth.ones(2)  # here


# losses


@mistake(ValueError, "cross_entropy: ", "(4,)", "(4, 10)", "int64")
def float_classes():
    return F.cross_entropy(firth.ones(4, 10), firth.ones(4))  # here


@mistake(ValueError, "cross_entropy: ", "(4, 1)", "(4,)", "without the class dimension")
def classes_with_an_extra_dim():
    return F.cross_entropy(firth.ones(4, 10), firth.zeros(4, 1, dtype=firth.int64))  # here


@mistake(ValueError, "cross_entropy: ", "(4, 10)", "(5,)")
def more_classes_than_rows():
    return F.cross_entropy(firth.ones(4, 10), firth.zeros(5, dtype=firth.int64))  # here


@mistake(IndexError, "cross_entropy: ", "index is out of range", "got 10", "0 to 9")
def class_out_of_range():
    return F.cross_entropy(firth.ones(2, 10), firth.tensor([3, 10])).item()  # here


@mistake(ValueError, "reduction", "'avg'", "'mean'")
def unknown_reduction():
    return F.mse_loss(firth.ones(4), firth.ones(4), reduction="avg")  # here


# gradients


@mistake(RuntimeError, "backward: ", "(3,)", ".mean()", "gradient=")
def backward_of_many_elements():
    x = firth.ones(3, requires_grad=True)
    (x * 2).backward()  # here


@mistake(RuntimeError, "backward: ", "freed by an earlier", "retain_graph=True")
def backward_twice():
    x = firth.ones(3, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    loss.backward()  # here


@mistake(RuntimeError, "backward: ", "requires_grad")
def backward_without_parameters():
    firth.ones(3).sum().backward()  # here


@mistake(RuntimeError, "backward: ", "no_grad")
def backward_of_no_grad():
    x = firth.ones(3, requires_grad=True)
    with firth.no_grad():
        loss = x.sum()
    loss.backward()  # here


@mistake(RuntimeError, "leaf", "no_grad")
def in_place_on_a_leaf():
    w = firth.ones(3, requires_grad=True)
    w -= 0.1  # here


@mistake(RuntimeError, "numpy: ", "detach().numpy()")
def numpy_of_a_parameter():
    firth.ones(3, requires_grad=True).numpy()  # here


@mistake(RuntimeError, "grad: ", "allow_unused")
def gradient_of_something_unused():
    x, y = firth.ones(2, requires_grad=True), firth.ones(2, requires_grad=True)
    firth.autograd.grad((x * 2).sum(), [x, y])  # here


# values


@mistake(ValueError, "item: ", "(3,)", "one element", "tolist()")
def item_of_many():
    firth.ones(3).item()  # here


@mistake(ValueError, "bool: ", "(3,)", "any()", "all()")
def if_of_many():
    x = firth.ones(3)
    if x > 0:  # here
        pass


@mistake(IndexError, "index", "5", "(3, 4)")
def index_out_of_range():
    firth.ones(3, 4)[5]  # here


@mistake(IndexError, "index: ", "too many", "got 3", "(3, 4)")
def too_many_indices():
    firth.ones(3, 4)[0, 0, 0]  # here


@mistake(IndexError, "embedding: ", "got 12", "0 to 9")
def token_out_of_range():
    nn.Embedding(10, 4)(firth.tensor([1, 12])).sum().item()  # here


@mistake(IndexError, "mask", "(4,)", "(3, 4)")
def mask_of_another_shape():
    firth.ones(3, 4)[firth.tensor([True, False, True, True])]  # here


@mistake(ValueError, "(3,)", "one element", "item()")
def number_of_many():
    float(firth.ones(3))  # here


@mistake(ValueError, "device", "cuda", "cpu")
def a_device_that_is_not_there():
    firth.ones(3).to("cuda")  # here


@mistake(ValueError, "extent is negative", "-1")
def negative_size():
    firth.zeros(2, -1)  # here


# modules


@mistake(FirthError, "NoForward", "forward")
def no_forward():
    class NoForward(nn.Module):
        pass

    NoForward()(firth.ones(2))  # here


@mistake(FirthError, "load_state_dict: ", "Net", "fc2.weight", "(10, 100)", "(10, 128)")
def state_of_other_shapes():
    state = Net().state_dict()
    state["fc2.weight"] = firth.ones(10, 128)
    Net().load_state_dict(state)  # here


@mistake(FirthError, "load_state_dict: ", "module.fc1.weight", "fc1.weight", "strict=False")
def state_of_data_parallel():
    state = {f"module.{name}": value for name, value in Net().state_dict().items()}
    Net().load_state_dict(state)  # here


@mistake(TypeError, "register_buffer: ", "list", "tensor")
def buffer_that_is_a_list():
    nn.Linear(2, 2).register_buffer("steps", [1, 2])  # here


@mistake(ValueError, "MultiheadAttention: ", "10", "3", "divide")
def heads_that_do_not_divide():
    nn.MultiheadAttention(10, 3)  # here


@mistake(ValueError, "Dropout: ", "1.5")
def dropout_of_more_than_all():
    nn.Dropout(1.5)  # here


# optimizers and data


@mistake(ValueError, "Adam: ", "no parameters", "model.parameters()", "nn.ModuleList")
def optimizer_without_parameters():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Linear(2, 2)]  # a list hides its layers

    optim.Adam(Plain().parameters())  # here


@mistake(ValueError, "SGD: ", "no parameters", "a generator only once")
def generator_used_twice():
    parameters = nn.Linear(2, 2).parameters()
    count = sum(p.numel() for p in parameters)
    assert count == 6
    optim.SGD(parameters, lr=0.1)  # here


@mistake(ValueError, "SGD: ", "Linear", ".parameters()")
def optimizer_of_a_module():
    optim.SGD(nn.Linear(2, 2), lr=0.1)  # here


@mistake(ValueError, "Adam: ", "lr", "-0.1")
def negative_learning_rate():
    optim.Adam(nn.Linear(2, 2).parameters(), lr=-0.1)  # here


@mistake(ValueError, "SGD: ", "given twice", "(2, 2)")
def one_parameter_in_two_groups():
    layer = nn.Linear(2, 2)
    groups = [{"params": layer.parameters()}, {"params": [layer.weight]}]
    optim.SGD(groups, lr=0.1)  # here


@mistake(ValueError, "TensorDataset: ", "10", "9")
def data_of_unequal_lengths():
    TensorDataset(firth.ones(10, 2), firth.ones(9))  # here


@mistake(ValueError, "batch_size=0", "1 or more")
def empty_batches():
    DataLoader(TensorDataset(firth.ones(10)), batch_size=0)  # here


# what is no mistake here, or only looks like one


def test_losses_of_shapes_that_broadcast_warn():
    with pytest.warns(UserWarning, match=r"mse_loss: .*\(4, 1\) and \(4,\).*squeeze"):
        F.mse_loss(firth.ones(4, 1), firth.ones(4))


def test_super_may_be_forgotten():
    class Model(nn.Module):
        def __init__(self):
            self.fc = nn.Linear(2, 2)

        def forward(self, x):
            return self.fc(x)

    assert len(list(Model().parameters())) == 2
    assert Model()(firth.ones(1, 2)).shape == (1, 2)


def test_a_step_without_gradients_changes_nothing():
    layer = nn.Linear(2, 2)
    before = layer.weight.tolist()
    optim.SGD(layer.parameters(), lr=0.1, weight_decay=0.1).step()
    assert layer.weight.tolist() == before


def test_a_late_failure_names_the_early_line():
    with pytest.raises(IndexError) as caught:
        rows = nn.Embedding(10, 4)(firth.tensor([1, 12]))  # the mistake
        total = (rows * 2).sum()
        total.item()
    lines, start = inspect.getsourcelines(test_a_late_failure_names_the_early_line)
    (offset,) = (i for i, text in enumerate(lines) if text.endswith("# the mistake\n"))
    assert f"test_mistakes.py:{start + offset}" in str(caught.value)
    assert "embedding: " in str(caught.value)
