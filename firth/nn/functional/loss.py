"""Losses. reduction: "mean", "sum" or "none"."""

from __future__ import annotations

