"""The transformer (Vaswani et al., 2017): layers of its encoder and decoder, stacks, and the whole.

Sequences are (L, N, E), or (N, L, E) with batch_first. Masks are MultiheadAttention's.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from firth.base.dtype import DType
from firth.base.errors import ShapeError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.attention import MultiheadAttention
from firth.nn.container import ModuleList
from firth.nn.dropout import Dropout
from firth.nn.linear import Linear
from firth.nn.module import Module
from firth.nn.norm import LayerNorm
from firth.tensor import Tensor, full, get_default_dtype

Activation = str | Callable[[Tensor], Tensor]
Mask = Tensor | None


class _Layer(Module):
    """Parts, each with a residual and a norm: attention to itself, to a memory, feed-forward.

    norm_first normalises before a part instead of after its residual.
    """

    crossed: bool  # whether there is a memory

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        made: dict[str, Any] = {"device": device, "dtype": dtype}
        for name in ("self_attn", "multihead_attn")[: 1 + self.crossed]:
            attention = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, **made
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **made)
        self.norm_first = norm_first
        for i in range(1, 3 + self.crossed):
            setattr(self, f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, **made))
        for i in range(1, 3 + self.crossed):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = getattr(F, activation) if isinstance(activation, str) else activation

    def _part(self, number: int, x: Tensor, part: Callable[[Tensor], Tensor]) -> Tensor:
        """x and what the part makes of it, with the norm and the dropout of that number."""
        norm, drop = getattr(self, f"norm{number}"), getattr(self, f"dropout{number}")
        if self.norm_first:
            return x + drop(part(norm(x)))  # type: ignore[no-any-return]
        return norm(x + drop(part(x)))  # type: ignore[no-any-return]

    def _feed(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))
        return self.linear2(hidden)  # type: ignore[no-any-return]


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with a residual. x: (L, N, E)."""

    crossed = False

    def forward(
        self,
        src: Tensor,
        src_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool = False,
    ) -> Tensor:
        """src: (L, N, E), the same shape out."""

        def attend(x: Tensor) -> Tensor:
            options = (src_key_padding_mask, False, src_mask, True, is_causal)
            return self.self_attn(x, x, x, *options)[0]  # type: ignore[no-any-return]

        return self._part(2, self._part(1, src, attend), self._feed)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to a memory and a feed-forward network. x: (T, N, E)."""

    crossed = True

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt: (T, N, E), memory: (L, N, E) -> (T, N, E)."""

        def attend(x: Tensor) -> Tensor:
            options = (tgt_key_padding_mask, False, tgt_mask, True, tgt_is_causal)
            return self.self_attn(x, x, x, *options)[0]  # type: ignore[no-any-return]

        def look(x: Tensor) -> Tensor:
            options = (memory_key_padding_mask, False, memory_mask, True, memory_is_causal)
            return self.multihead_attn(x, memory, memory, *options)[0]  # type: ignore[no-any-return]

        return self._part(3, self._part(2, self._part(1, tgt, attend), look), self._feed)


class _Stack(Module):
    def _stack(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        self.layers = ModuleList(deepcopy(layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def _through(self, x: Tensor, *options: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *options)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """Copies of one encoder layer, one after the other."""

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
    ) -> None:
        self._stack(encoder_layer, num_layers, norm)

    def forward(
        self,
        src: Tensor,
        mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool | None = False,
    ) -> Tensor:
        """src: (L, N, E), the same shape out."""
        return self._through(src, mask, src_key_padding_mask, bool(is_causal))


class TransformerDecoder(_Stack):
    """Copies of one decoder layer, one after the other; all see the same memory."""

    def __init__(
        self,
        decoder_layer: TransformerDecoderLayer,
        num_layers: int,
        norm: Module | None = None,
    ) -> None:
        self._stack(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt: (T, N, E), memory: (L, N, E) -> (T, N, E)."""
        return self._through(
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            bool(tgt_is_causal), memory_is_causal,
        )  # fmt: skip


class Transformer(Module):
    """Encoder and decoder: what src says, told in the words of tgt.

    custom_encoder, custom_decoder: modules that are called as TransformerEncoder and
    TransformerDecoder are, in place of stacks of that many layers.

    >>> import firth
    >>> model = Transformer(8, 2, 1, 1, dim_feedforward=16)
    >>> tuple(model(firth.ones(5, 3, 8), firth.ones(4, 3, 8)).shape)
    (4, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        options: Any = (
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, device, dtype,
        )  # fmt: skip

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        if custom_encoder is None:
            layer = TransformerEncoderLayer(*options)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm())
        if custom_decoder is None:
            last = TransformerDecoderLayer(*options)
            custom_decoder = TransformerDecoder(last, num_decoder_layers, norm())
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Mask = None,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """src: (L, N, E), tgt: (T, N, E) -> (T, N, E)."""
        batch = None if src.ndim == 2 else 0 if self.batch_first else 1
        sizes = {(None if batch is None else x.shape[batch], x.shape[-1]) for x in (src, tgt)}
        if src.ndim != tgt.ndim or len(sizes) > 1 or src.shape[-1] != self.d_model:
            raise ShapeError(
                message(
                    "Transformer", "src and tgt do not fit",
                    f"{tuple(src.shape)} and {tuple(tgt.shape)}",
                    f"as many examples in both, and d_model={self.d_model} features",
                    "look at batch_first",
                )
            )  # fmt: skip
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return self.decoder(  # type: ignore[no-any-return]
            tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
            tgt_is_causal, memory_is_causal,
        )  # fmt: skip

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: object = None, dtype: DType | None = None
    ) -> Tensor:
        """The mask by which nobody sees what comes later: (sz, sz), -inf above the diagonal.

        >>> Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        dtype = dtype or get_default_dtype()
        return full((sz, sz), float("-inf"), dtype=dtype, device=device).triu(1)
