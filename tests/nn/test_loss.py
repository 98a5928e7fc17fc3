"""firth.nn.loss and firth.nn.functional.loss against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn as tnn

import firth
from firth import nn
from tests.nn.oracle import Oracle

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4)) * 2
CLASSES = RNG.integers(0, 4, 6)
SOME_IGNORED = np.where(np.arange(6) % 3 == 0, 2, CLASSES)
IMAGES = RNG.normal(size=(2, 4, 3, 2))
PIXELS = RNG.integers(0, 4, (2, 3, 2))
SHARES = np.exp(LOGITS[::-1]) / np.exp(LOGITS[::-1]).sum(1, keepdims=True)
WEIGHT = np.array([0.5, 2.0, 1.0, 0.1])
LOG_PROBS = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
P = 1 / (1 + np.exp(-LOGITS))
T = RNG.uniform(size=(6, 4))

CASES: list[tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = [
    ("CrossEntropyLoss", {}, LOGITS, CLASSES),
    ("CrossEntropyLoss", {}, LOGITS * 1000, CLASSES),
    ("CrossEntropyLoss", {}, LOGITS[0], CLASSES[0]),
    ("CrossEntropyLoss", {}, IMAGES, PIXELS),
    ("CrossEntropyLoss", {"weight": WEIGHT}, LOGITS, CLASSES),
    ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.1}, IMAGES, PIXELS),
    ("CrossEntropyLoss", {"ignore_index": 2}, LOGITS, SOME_IGNORED),
    ("CrossEntropyLoss", {"ignore_index": 2, "label_smoothing": 0.2}, LOGITS, SOME_IGNORED),
    (
        "CrossEntropyLoss",
        {"ignore_index": 2, "label_smoothing": 0.2, "weight": WEIGHT},
        LOGITS,
        SOME_IGNORED,
    ),
    ("CrossEntropyLoss", {}, LOGITS, SHARES),
    ("CrossEntropyLoss", {"weight": WEIGHT, "label_smoothing": 0.1}, LOGITS, SHARES),
    ("NLLLoss", {}, LOG_PROBS, CLASSES),
    ("NLLLoss", {"weight": WEIGHT, "ignore_index": 2}, LOG_PROBS, SOME_IGNORED),
    ("NLLLoss", {}, IMAGES, PIXELS),
    ("MSELoss", {}, LOGITS, T),
    ("L1Loss", {}, LOGITS, T),
    ("SmoothL1Loss", {}, LOGITS, T),
    ("SmoothL1Loss", {"beta": 0.3}, LOGITS, T),
    ("HuberLoss", {"delta": 0.7}, LOGITS, T),
    ("BCELoss", {}, P, T),
    ("BCELoss", {"weight": WEIGHT}, P, T),
    ("BCEWithLogitsLoss", {}, LOGITS, T),
    ("BCEWithLogitsLoss", {}, LOGITS * 100, T),
    ("BCEWithLogitsLoss", {"weight": WEIGHT, "pos_weight": WEIGHT[::-1].copy()}, LOGITS, T),
    ("KLDivLoss", {}, LOG_PROBS, SHARES),
    ("KLDivLoss", {"log_target": True}, LOG_PROBS, LOG_PROBS[::-1].copy()),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{','.join(c[1])}")
def test_loss(case: Any, reduction: str) -> None:
    name, options, x, target = case
    target = np.asarray(target)

    def made(package: Any, make: Any) -> Any:
        given = {k: make(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        loss = getattr(package, name)(**given, reduction=reduction)
        return lambda x: loss(x, make(target))

    Oracle().function(made(nn, firth.tensor), made(tnn, torch.tensor), np.asarray(x))


def test_saturated_probabilities_have_finite_gradients() -> None:
    x, t = [0.0, 1.0, 1.0, 0.3], [0.0, 1.0, 0.0, 1.0]
    p = firth.tensor(x, requires_grad=True)
    loss = nn.BCELoss(reduction="none")(p, firth.tensor(t))
    expected = tnn.BCELoss(reduction="none")(torch.tensor(x), torch.tensor(t))
    assert loss.tolist() == pytest.approx(expected.tolist())
    loss.sum().backward()
    assert np.isfinite(p.grad.numpy()).all()


def test_batchmean() -> None:
    x, t = firth.tensor(LOG_PROBS), firth.tensor(SHARES)
    ours = nn.KLDivLoss(reduction="batchmean")(x, t)
    theirs = tnn.KLDivLoss(reduction="batchmean")(torch.tensor(LOG_PROBS), torch.tensor(SHARES))
    assert abs(ours.item() - theirs.item()) < 1e-12


def test_everything_ignored_is_nan_as_in_pytorch() -> None:
    loss = nn.CrossEntropyLoss(ignore_index=0)(firth.zeros(2, 3), firth.tensor([0, 0]))
    assert np.isnan(loss.item())


def test_a_class_outside_is_refused() -> None:
    with pytest.raises(IndexError):
        nn.CrossEntropyLoss()(firth.tensor([[1.0, 2.0], [3.0, 4.0]]), firth.tensor([0, 2])).item()


def test_unknown_reduction_is_refused() -> None:
    with pytest.raises(ValueError, match="reduction"):
        nn.MSELoss(reduction="average")


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError):
        nn.CrossEntropyLoss()(firth.zeros(2, 3), firth.zeros(4, dtype=firth.int64)).item()


def test_a_class_outside_is_refused_even_where_it_changes_nothing() -> None:
    with pytest.raises(IndexError, match="got 9"):
        nn.functional.cross_entropy(firth.zeros(3, 4), firth.tensor([0, 9, 1])).item()


def test_ctc_loss() -> None:
    rng = np.random.default_rng(0)
    log_probs = rng.normal(size=(7, 2, 4))
    targets, lengths, wanted = rng.integers(1, 4, (2, 3)), np.array([7, 6]), np.array([3, 2])
    for reduction in ("mean", "sum"):
        ours, theirs = (lib.CTCLoss(reduction=reduction) for lib in (nn, torch.nn))
        Oracle().function(
            lambda x, *rest, loss=ours: loss(x.log_softmax(-1), *rest),
            lambda x, *rest, loss=theirs: loss(x.log_softmax(-1), *rest),
            log_probs, targets, lengths, wanted,
        )  # fmt: skip
