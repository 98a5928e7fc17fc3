"""Signals: window functions."""

from firth.signal import windows

__all__ = ["windows"]
