"""A person debugs a model: `breakpoint()` in forward, then prints a value."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect")
ROOT = Path(__file__).resolve().parent.parent

SCRIPT = """
import firth
from firth import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        h = self.fc(x)
        breakpoint()
        return h.relu()

net = Net()
with firth.no_grad():
    net.fc.weight.copy_(firth.tensor([[1.0, 2.0], [3.0, 4.0]]))
    net.fc.bias.copy_(firth.tensor([0.5, -40.5]))
loss = net(firth.tensor([[10.0, 1.0]])).sum()
loss.backward()
print("gradient", net.fc.weight.grad.tolist())
"""


@pytest.fixture
def session(tmp_path):
    script = tmp_path / "debug_me.py"
    script.write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb", "NO_COLOR": "1"}
    child = pexpect.spawn(
        sys.executable, [str(script)], encoding="utf-8", timeout=60, env=env, echo=False
    )
    child.expect_exact("(Pdb) ")
    yield child
    child.close(force=True)


def ask(session, line):
    session.sendline(line)
    session.expect_exact("(Pdb) ")
    return session.before.strip()


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pty")
def test_values_are_real_inside_forward_and_the_program_goes_on(session):
    assert ask(session, "p h.tolist()") == "[[12.5, -6.5]]"
    assert "12.5" in ask(session, "p h") and "-6.5" in ask(session, "p h")
    assert ask(session, "p tuple(h.shape)") == "(1, 2)"
    assert ask(session, "p bool((h > 0).any())") == "True"
    assert ask(session, "p (h * 2).sum().item()") == "12.0"
    session.sendline("continue")
    session.expect_exact("gradient [[10.0, 1.0], [0.0, 0.0]]")
    session.expect(pexpect.EOF)
