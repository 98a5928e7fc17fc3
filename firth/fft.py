"""`firth.fft`: Fourier transforms under torch.fft's names, computed by NumPy, differentiable.

>>> import firth
>>> firth.fft.rfft(firth.tensor([1.0, 0.0, 1.0, 0.0])).tolist()
[(2+0j), 0j, (2+0j)]
"""

from __future__ import annotations

from firth.tensor.arguments import guarded
from firth.tensor.fft import FFT

globals().update(FFT)

__all__ = [*FFT]  # noqa: PLE0604

guarded(globals(), __all__)
