"""A fingerprint of what a policy loaded, in milliseconds, however large it is."""

from __future__ import annotations

import hashlib
from pathlib import Path

# Of every file, this much of its beginning and its end counts, besides name and size: a checkpoint
# of 17 GB is not read for it, and two trainings differ in every part of every file.
_PART = 2**20


def checkpoint_hash(path: Path) -> str:
    """Return a text that differs where checkpoints differ.

    Args:
        path: a file or a folder.

    Raises:
        OSError: if it cannot be read.
    """
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted(item for item in path.rglob("*") if item.is_file())
    for file in files:
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path.parent)}\0{size}\0".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(_PART))
            if size > _PART:
                stream.seek(max(_PART, size - _PART))
                digest.update(stream.read(_PART))
    return f"sha256:{digest.hexdigest()}"
