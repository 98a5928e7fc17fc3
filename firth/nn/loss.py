"""Losses as modules: each calls a function of `firth.nn.functional`.

reduction: "mean", "sum" or "none".
"""

from __future__ import annotations

from typing import Any

from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn.functional.common import check_reduction
from firth.nn.functional.loss import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    l1_loss,
    mse_loss,
    nll_loss,
)
from firth.nn.module import Module
from firth.tensor import Tensor


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with a buffer `weight`."""

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """Negative log-likelihood of logits.

    logits: (N, C), (C,) or (N, C, ...); targets: class indices (N, ...), or probabilities shaped
    like the logits. weight: (C,), one per class.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """A scalar, or one loss per target with reduction="none"."""
        return cross_entropy(
            logits,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood of log-probabilities. (N, C, ...) and class indices (N, ...)."""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, log_probs: Tensor, target: Tensor) -> Tensor:
        """A scalar, or one loss per target with reduction="none"."""
        return nll_loss(
            log_probs,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class MSELoss(_Loss):
    """(x - target)**2."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return mse_loss(x, target, reduction=self.reduction)


class L1Loss(_Loss):
    """|x - target|."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return l1_loss(x, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """(x - target)**2 / (2 * beta) below beta, |x - target| - beta / 2 above."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return F.smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """(x - target)**2 / 2 below delta, delta * (|x - target| - delta / 2) above."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not isinstance(delta, (int, float)) or not delta > 0:
            raise ArgumentError(
                message("HuberLoss", "delta is no distance", repr(delta), "a number above 0",
                        "the default is 1.0")
            )  # fmt: skip
        self.delta = delta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return F.huber_loss(x, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """-(t * log(p) + (1 - t) * log(1 - p)), each logarithm held above -100."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) in [0, 1] -> (), or (...) with reduction="none"."""
        return F.binary_cross_entropy(x, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross entropy of logits; pos_weight multiplies the positive term."""

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return binary_cross_entropy_with_logits(
            x, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """target * (log(target) - x), x being log-probabilities; reduction may be "batchmean" too."""

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """x, target: (...) -> (), or (...) with reduction="none"."""
        return F.kl_div(x, target, reduction=self.reduction, log_target=self.log_target)


class CTCLoss(_Loss):
    """Negative log-likelihood of all alignments of a sequence (Graves et al., 2006)."""

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        """log_probs: (T, N, C), targets: (N, S) -> (), or (N) with reduction="none"."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
