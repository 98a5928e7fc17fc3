"""Names that Firth lacks say so, with the nearest one there is."""

import importlib
import pkgutil
import subprocess
import sys

import pytest

import firth.compat.torch as torch


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        (torch, "zeross", r"torch\.zeross: Firth does not have .*nearest name there is: zeros"),
        (torch.nn, "Linaer", r"torch\.nn\.Linaer: .*: Linear"),
        (torch.nn, "LSTMCell9x9", r"torch\.nn\.LSTMCell9x9: "),
        (torch.nn.functional, "reluu", r"torch\.nn\.functional\.reluu: .*: relu"),
        (torch.nn.init, "xavier_uniform", r"torch\.nn\.init\.xavier_uniform: .*: xavier_uniform_"),
        (torch.optim, "ADAM", r"torch\.optim\.ADAM: .*: Adam"),
        (torch.optim.lr_scheduler, "StepLr", r"torch\.optim\.lr_scheduler\.StepLr: .*: StepLR"),
        (torch.utils.data, "Dataloader", r"torch\.utils\.data\.Dataloader: .*: DataLoader"),
        (torch.cuda, "synchronise", r"torch\.cuda\.synchronise: "),
        (torch.backends, "cudn", r"torch\.backends\.cudn: .*: cudnn"),
    ],
)
def test_attributes(module, name, words):
    with pytest.raises(AttributeError, match=words):
        getattr(module, name)
    assert not hasattr(module, name)
    assert getattr(module, name, 3) == 3


IMPORTS = {
    "from firth.compat.torch import zeross": "torch.zeross: Firth does not have",
    "from firth.compat.torch.nn import Linaer": "torch.nn.Linaer: Firth does not have",
    "from firth.compat.torch.nn.functional import reluu": "the nearest name there is: relu",
    "import firth.compat.torch.fxx": "torch.fxx: Firth does not have",
    "from firth.compat.torch.utils.data import Dataloader": "the nearest name there is: DataLoader",
}


@pytest.mark.parametrize("statement", IMPORTS)
def test_imports(statement):
    with pytest.raises(ImportError) as caught:
        exec(statement, {})
    assert IMPORTS[statement] in str(caught.value)


def test_every_module_refuses_what_it_lacks():
    for found in pkgutil.walk_packages(torch.__path__, "firth.compat.torch."):
        last = found.name.rpartition(".")[2]
        if last.startswith("_") or last in ("install", "serialization"):
            continue
        module = importlib.import_module(found.name)
        with pytest.raises(AttributeError, match="Firth does not have this name of PyTorch"):
            module.there_is_no_such_name  # noqa: B018


def test_pytorch_itself_is_never_loaded():
    code = "import sys, firth.compat.torch; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
