"""Losses of sequences that are not aligned."""

from __future__ import annotations

from typing import Any

import numpy as np

from firth.base.errors import ShapeError, message
from firth.nn.functional.common import check_reduction
from firth.tensor import Tensor, tensor
from firth.tensor.creation import refuse_in_jit
from firth.tensor.record import apply


def ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """-log of the probability of unaligned targets (Graves et al., 2006).

    log_probs: (T, N, C) or (T, C), normalised; targets: (N, S), (S,), or all of them end to end
    (their lengths are then read at once). "mean" divides each loss by its target's length first.
    zero_infinity: targets that are too long count 0. IndexError for classes and lengths outside.
    """
    check_reduction("ctc_loss", reduction)
    single = log_probs.ndim == 2
    scores = log_probs.unsqueeze(1) if single else log_probs
    lengths, counts = (_vector(v) for v in (input_lengths, target_lengths))
    if scores.ndim != 3 or not 0 <= blank < scores.shape[2]:
        raise ShapeError(
            message("ctc_loss", "no such scores", f"{tuple(log_probs.shape)}, blank {blank}",
                    "(T, N, C) with the blank among the C classes", "check the classes")
        )  # fmt: skip
    if targets.ndim == 1:
        targets = targets.unsqueeze(0) if single else _padded(targets, target_lengths)
    losses = apply("ctc_loss", scores, targets.long(), lengths, counts, blank=blank,
                   zero_infinity=zero_infinity)  # fmt: skip
    if reduction == "mean":
        return (losses / counts.clamp(min=1).to(losses.dtype)).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses


def _vector(value: Any) -> Tensor:
    found = value if isinstance(value, Tensor) else tensor(list(value) if hasattr(
        value, "__len__") else [value])  # fmt: skip
    return found.reshape(-1).long()


def _padded(targets: Tensor, lengths: Any) -> Tensor:
    """Targets end to end as rows filled up with 0."""
    if isinstance(lengths, Tensor):
        refuse_in_jit("ctc_loss", "it reads the lengths of the targets", "pad them to (N, S)")
        lengths = lengths.tolist()
    ends = np.cumsum(lengths)
    if len(lengths) and ends[-1] != targets.shape[0]:
        raise ShapeError(
            message("ctc_loss", "the lengths don't add up", str(int(ends[-1])),
                    str(targets.shape[0]), "give the length of each target")
        )  # fmt: skip
    width = max(lengths, default=0)
    place = (ends - lengths)[:, None] + np.arange(width)[None, :]
    inside = np.arange(width)[None, :] < np.asarray(lengths)[:, None]
    if not inside.any():
        return targets.new_zeros(len(lengths), width)
    taken = apply("take", targets, tensor(np.where(inside, place, 0)), axis=0)
    return apply("where", tensor(inside), taken, 0)
