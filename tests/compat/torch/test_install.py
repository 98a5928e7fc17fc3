"""Firth in the place of PyTorch, in one process."""

import subprocess
import sys


def _python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_every_name_is_the_same_module():
    done = _python(
        "from firth.compat.torch.install import install; install()\n"
        "import torch, torch.nn.functional as F, firth.compat.torch as ours\n"
        "print(torch is ours, F is ours.nn.functional, torch.utils.data is ours.utils.data)\n"
        "install(); print(sum(m.__name__ == 'Finder' for m in __import__('sys').meta_path if "
        "hasattr(m, '__name__')))"
    )
    assert done.stdout.split() == ["True", "True", "True", "1"], done.stderr


def test_a_loaded_pytorch_is_refused():
    done = _python(
        "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\n"
        "from firth.compat.torch.install import install; install()"
    )
    assert "PyTorch is loaded already" in done.stderr
