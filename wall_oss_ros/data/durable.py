"""Files and folders that have their name only when they are whole and on the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wall_oss_ros.core.errors import DatasetError


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    Raises:
        OSError: if the disk takes no more.
    """
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def sync_tree(folder: Path) -> None:
    """Do so for everything below a folder, and for the folder.

    Raises:
        OSError: if the disk takes no more.
    """
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def write_whole(file: Path, text: str) -> None:
    """Write a text file that is there with all of its text or not at all.

    Raises:
        OSError: if the disk takes no more.
    """
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    sync(partial)
    partial.replace(file)
    sync(file.parent)


@contextmanager
def new_folder(final: Path) -> Iterator[Path]:
    """Give an empty folder to fill, `.NAME.partial` beside the final one; rename it at the end.

    If the block raises, everything in it is deleted and nothing has the final name.

    Raises:
        DatasetError: if the final name is taken, or another process is filling the same folder.
        OSError: if the disk takes no more.
    """
    _check_free(final)
    partial = final.with_name(f".{final.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    folder = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatasetError(f"{final} is being written by another process") from None
        try:
            # What a crash may have left.
            for path in partial.iterdir():
                shutil.rmtree(path)
            yield partial
            sync_tree(partial)
            _check_free(final)
            partial.rename(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        sync(final.parent)
    finally:
        os.close(folder)


def _check_free(final: Path) -> None:
    # Not exists(), which takes a link to nowhere for nothing.
    if os.path.lexists(final):
        raise DatasetError(f"{final} exists already; give another name, or remove it first")
