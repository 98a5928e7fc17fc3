"""Fourier transforms, under the standard's names."""
