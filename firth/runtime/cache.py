"""Files of bytes by key, shared by processes: whole or not there, checked when read, bounded."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

_MAGIC: Final = b"firth-cache-1\n"
_DIGEST_BYTES: Final = 32
_HEAD_BYTES: Final = len(_MAGIC) + _DIGEST_BYTES
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_MOST_BYTES: Final = 512 * 1024**2

# Looking through a full folder takes a second: one write in 256 does it, keys being hashes.
_PRUNING: Final = "00"


def read(folder: Path, key: str) -> bytes | None:
    """The bytes under a key, or None where there are none or their checksum is wrong."""
    try:
        data = _path(folder, key).read_bytes()
    except OSError:
        return None
    content = data[_HEAD_BYTES:]
    return content if data == _head(content) + content else None


def write(folder: Path, key: str, content: bytes) -> None:
    """Puts bytes under a key. A folder that cannot be written is fine: nothing is kept then."""
    # Few calls of the system: other threads run Python meanwhile, and each call waits for them.
    path = os.fspath(_path(folder, key))
    home = os.path.dirname(path)
    temporary = os.path.join(home, f".new-{os.urandom(8).hex()}")
    try:
        try:
            handle = os.open(temporary, _NEW, 0o600)
        except FileNotFoundError:
            os.makedirs(home, mode=0o700, exist_ok=True)
            handle = os.open(temporary, _NEW, 0o600)
        try:
            with open(handle, "wb", buffering=0) as file:
                whole = file.write(_head(content) + content) == _HEAD_BYTES + len(content)
            if not whole:
                raise OSError("there is no room")
            os.replace(temporary, path)  # readers see the old file or the new one
        except OSError:
            os.unlink(temporary)
    except OSError:
        pass
    if key.startswith(_PRUNING):
        prune(folder)


def prune(folder: Path, most_bytes: int = _MOST_BYTES) -> None:
    """Removes the oldest files until half of the bound is left, if the folder has outgrown it."""
    found: list[tuple[float, int, Path]] = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):  # another process may be removing it
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= most_bytes:
        return
    for _, size, path in sorted(found):
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
        if total <= most_bytes // 2:
            return


def _path(folder: Path, key: str) -> Path:
    return folder / key[:2] / key


def _head(content: bytes) -> bytes:
    return _MAGIC + hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
