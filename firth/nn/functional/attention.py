"""Attention: one node where no weights are asked for, plain matrix products where they are."""

from __future__ import annotations

import math

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.nn.functional.dropout import dropout
from firth.tensor import Tensor, ones, where
from firth.tensor.record import apply


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query @ key.T * scale + mask) @ value (Vaswani et al., 2017).

    query: (..., L, D), key: (..., S, D), value: (..., S, V) -> (..., L, V). attn_mask broadcasts
    to (..., L, S): true means look there, a number is added. is_causal: position i sees 0..i.
    scale is 1 / sqrt(D) unless given. enable_gqa repeats key and value heads.
    """
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        repeats = query.shape[-3] // key.shape[-3]
        axis = key.ndim - 3
        key, value = (apply("repeat_interleave", x, count=repeats, axis=axis) for x in (key, value))
    if dropout_p:
        weights = attention_weights(query, key, attn_mask, is_causal, scale)
        return dropout(weights, dropout_p, True) @ value
    masks = () if attn_mask is None else (attn_mask,)
    return apply(
        "scaled_dot_product_attention", query, key, value, *masks,
        is_causal=is_causal, scale=None if scale is None else float(scale),
    )  # fmt: skip


def attention_weights(
    query: Tensor,
    key: Tensor,
    mask: Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(query @ key.T * scale + mask): (..., L, D), (..., S, D) -> (..., L, S)."""
    size = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * size) @ key.transpose(-2, -1)  # (..., L, S)
    if is_causal:
        seen = ones(query.shape[-2], key.shape[-2], dtype=dt.bool_).tril()
        scores = where(seen, scores, -math.inf)
    if mask is not None:
        scores = where(mask, scores, -math.inf) if mask.dtype is dt.bool_ else scores + mask
    return scores.softmax(-1)


def merge_masks(
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    batch: int,
    heads: int,
    dtype: DType,
) -> Tensor | None:
    """One additive mask (N or 1, heads or 1, L or 1, S) of masks where true means: do not look."""
    merged = None
    if attn_mask is not None:
        merged = _additive(attn_mask, dtype)
        if merged.ndim == 3:
            merged = merged.reshape(batch, heads, *merged.shape[1:])
        else:
            merged = merged.reshape(1, 1, *merged.shape)
    if key_padding_mask is not None:
        padding = _additive(key_padding_mask, dtype).reshape(batch, 1, 1, -1)
        merged = padding if merged is None else merged + padding
    return merged


def _additive(mask: Tensor, dtype: DType) -> Tensor:
    if mask.dtype is not dt.bool_:
        return mask.to(dtype)
    return where(mask, -math.inf, 0.0).to(dtype)
