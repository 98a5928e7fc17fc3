"""Every pass of every test is verified."""

from __future__ import annotations

import os

os.environ.setdefault("FIRTH_DEBUG", "verify")
