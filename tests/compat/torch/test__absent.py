"""What programs ask of devices that are not there."""

import firth.compat.torch as torch


def test_there_is_none():
    assert not torch.cuda.is_available() and torch.cuda.device_count() == 0
    assert not torch.backends.mps.is_available() and not torch.backends.mps.is_built()
    assert not torch.accelerator.is_available()
    assert torch.accelerator.current_accelerator() is None
    assert torch.cuda.manual_seed(1) is torch.cuda.manual_seed_all(1) is torch.mps.manual_seed(1)


def test_the_usual_choice_is_the_cpu():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert device.type == "cpu"
    assert torch.nn.Linear(2, 2).to(device)(torch.ones(1, 2, device=device)).shape == (1, 2)


def test_switches_can_be_set():
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = True
    assert torch.backends.cudnn.benchmark
