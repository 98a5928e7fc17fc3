"""Embedding and EmbeddingBag: tables of vectors."""

from __future__ import annotations

from typing import Self

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.functional.layer import embedding
from firth.nn.module import Module
from firth.nn.parameter import Parameter, empty_parameter
from firth.tensor import Tensor, no_grad


class Embedding(Module):
    """Row i of the weight for each index i. x: (...) integer -> (..., D); weight: (K, D).

    The row `padding_idx` starts as zeros and gets no gradient.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if num_embeddings < 0 or embedding_dim < 0:
            raise ArgumentError(
                message("Embedding", "a negative size", f"({num_embeddings}, {embedding_dim})",
                        "sizes of 0 or more", "swap or correct the arguments")
            )  # fmt: skip
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        negative = padding_idx is not None and padding_idx < 0
        self.padding_idx = num_embeddings + padding_idx if negative else padding_idx
        self.weight = empty_parameter((num_embeddings, embedding_dim), dtype, device)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> Self:
        """A layer with a given table. embeddings: (K, D)."""
        layer = cls(*embeddings.shape, padding_idx)
        layer.weight = Parameter(embeddings, requires_grad=not freeze)
        return layer

    def reset_parameters(self) -> None:
        """Standard normal; zeros in the padding row."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """x: (...) integer -> (..., D). IndexError for an index outside the table."""
        return embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class EmbeddingBag(Module):
    """The mean, sum or maximum of the rows of each bag. weight: (K, D).

    x: (B, N) integer, one bag per row, or (N,) with offsets (B,), where each bag begins -> (B, D).
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        if mode not in ("mean", "sum", "max"):
            raise ArgumentError(
                message("EmbeddingBag", "unknown mode", repr(mode), "'mean', 'sum' or 'max'",
                        "use mode='mean'")
            )  # fmt: skip
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        negative = padding_idx is not None and padding_idx < 0
        self.padding_idx = num_embeddings + padding_idx if negative else padding_idx
        self.weight = empty_parameter((num_embeddings, embedding_dim), dtype, device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Standard normal; zeros in the padding row."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """input: (B, N), or (N,) with offsets (B,) -> (B, D); per_sample_weights as the input."""
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq,
            self.mode, self.sparse, per_sample_weights, self.include_last_offset,
            self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and the mode."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}{padding}"
