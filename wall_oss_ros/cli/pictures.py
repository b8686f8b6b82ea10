"""Pictures for a command: from files, or made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.errors import ModelError

Pixels = NDArray[np.uint8]


def read_pictures(given: Sequence[str]) -> dict[str, Pixels]:
    """Return (h, w, 3) uint8 RGB by camera, in the order given.

    Args:
        given: ``label=path`` each.

    Raises:
        ModelError: for a text of another form, a camera named twice, or an unreadable file.
    """
    pictures: dict[str, Pixels] = {}
    for item in given:
        label, separator, path = item.partition("=")
        if not (label and separator and path):
            raise ModelError(
                f"--image: got '{item}'; expected label=path, e.g. face_view=front.jpg"
            )
        if label in pictures:
            raise ModelError(f"--image: camera '{label}' is given twice")
        pictures[label] = read_picture(Path(path).expanduser())
    return pictures


def read_picture(path: Path) -> Pixels:
    """Return the picture in a file, (h, w, 3) uint8 RGB.

    Raises:
        ModelError: if it is missing, or no package here can read it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"no picture {path}: {error.strerror}") from None
    if data.startswith(b"\xff\xd8"):
        try:
            import simplejpeg

            decoded: Pixels = simplejpeg.decode_jpeg(data)
            return decoded
        except ImportError:
            pass  # Pillow reads it, too
        except ValueError as error:
            raise ModelError(f"{path} is a damaged JPEG file: {error}") from None
    try:
        from PIL import Image
    except ImportError:
        raise ModelError(
            f"{path} cannot be read: JPEG needs simplejpeg, other formats Pillow; "
            "pip install simplejpeg pillow"
        ) from None
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except Exception as error:  # Pillow's readers fail in many ways
        raise ModelError(f"{path} is no picture that can be read: {error}") from None


def made_up_picture(index: int, edge: int) -> Pixels:
    """Return colours that change smoothly across the picture, (edge, edge, 3), by camera."""
    across = np.linspace(0.0, 1.0, edge)
    down, right = np.meshgrid(across, across, indexing="ij")
    planes = np.stack(
        (right, down, 0.5 + 0.5 * np.sin((index + 2) * np.pi * right * down)), axis=-1
    )
    return np.round(255.0 * np.roll(planes, index, axis=-1)).astype(np.uint8)
