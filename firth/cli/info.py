"""What a bug report needs: versions, the machine, the flags that are set."""

from __future__ import annotations

import platform
from importlib import metadata

from firth.base import flags

PACKAGES = ("firth", "numpy", "llvmlite", "ml_dtypes", "safetensors")


def report() -> str:
    """Versions, the machine and every flag, one fact a line."""
    facts = [("python", platform.python_version())]
    facts += [(name, _version(name)) for name in PACKAGES]
    facts += [
        ("system", f"{platform.system()} {platform.machine()}"),
        ("threads", str(flags.threads())),
        ("cache", str(flags.cache_dir() or "none")),
    ]
    facts += [(flag.name, flags.get(flag.name) or "(empty)") for flag in flags.TABLE]
    width = max(len(name) for name, _ in facts)
    return "".join(f"{name:<{width}}  {value}\n" for name, value in facts)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
