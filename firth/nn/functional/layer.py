"""What layers compute: linear maps, convolutions, pooling, normalisation, look-ups, dropout."""

from __future__ import annotations
