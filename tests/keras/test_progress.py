"""What `fit` prints."""

from __future__ import annotations

from firth.keras.progress import Progress


def test_lines(capsys):
    for verbose in (0, 1, 2):
        bar = Progress(4, verbose)
        bar.update(2, {"loss": 1.0})
        bar.finish(4, {"loss": 0.25, "tiny": 0.00002})
    nothing_then_bar, line = capsys.readouterr().out.splitlines()
    assert nothing_then_bar.startswith("4/4 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    assert nothing_then_bar.endswith(" - loss: 0.2500 - tiny: 2.0000e-05")
    assert line.startswith("4/4 - 0s - ") and "step - loss: 0.2500" in line
