"""User code is checked by `mypy --strict` against the stubs; the up-to-date test is in
test_house.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """
from __future__ import annotations

import firth
from firth import nn, optim
from firth.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 8)

    def forward(self, x: firth.Tensor) -> firth.Tensor:
        return firth.relu(self.fc(x)).sum(dim=1)


net = Net()
opt = optim.Adam(net.parameters(), lr=1e-3)
schedule = optim.lr_scheduler.StepLR(opt, 10)


@firth.jit
def step(x: firth.Tensor, y: firth.Tensor) -> firth.Tensor:
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(x), y)
    loss.backward()
    opt.step()
    return loss


rows = TensorDataset(firth.zeros(10, 4), firth.zeros(10))
for x, y in DataLoader(rows, batch_size=2, shuffle=True):
    print(step(x, y).item(), step.misses)
a = firth.zeros(2, 3, dtype=firth.float32) + 1
b: firth.Tensor = (a @ a.T)[0, :1].reshape(-1).exp() * 2.0 - 3
rank: int = b.ndim
size: tuple[int, ...] = b.shape
print(b.dtype, firth.cat([b, b]), 1 - b, -b, b > 2, b == 2, b.to(firth.float64), b.numpy().mean())
with firth.no_grad():
    b += 1
with firth.debug(nan=True), firth.profile() as p:
    values, indices = firth.topk(b, 1)
firth.save(net.state_dict(), "net.safetensors")
net.load_state_dict(firth.load("net.safetensors"))
firth.set_printoptions(precision=2)
"""
MISTAKES = """
import firth

firth.relu(1, 2, 3)
firth.zeros(2).summ()
x: int = firth.ones(2).sum(dim=0)
firth.jit(firth.relu)(1, 2)
"""


def test_user_code_is_strictly_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(SCRIPT)
    (tmp_path / "mistakes.py").write_text(MISTAKES)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path / "cache"), "user.py", "mistakes.py"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    found = [line.split(":")[:2] for line in done.stdout.splitlines() if ": error:" in line]
    assert found == [["mistakes.py", str(n)] for n in (4, 5, 6, 7)], done.stdout
