"""Every pass of every test is verified; a slow machine is no failure."""

from __future__ import annotations

import os

from hypothesis import settings

os.environ.setdefault("FIRTH_DEBUG", "verify")
settings.register_profile("firth", deadline=None)
settings.load_profile("firth")
