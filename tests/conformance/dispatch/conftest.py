"""SciPy reads SCIPY_ARRAY_API when it is first imported."""

from __future__ import annotations

import os

os.environ.setdefault("SCIPY_ARRAY_API", "1")
