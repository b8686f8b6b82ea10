"""Pictures of image messages.

Plain encodings take the array path: `Image.data` is an ``array.array`` whose buffer numpy views (a
list or ndarray assigned to it would be copied number by number). Unusual encodings go to cv_bridge,
or to rosbags-image where cv_bridge is not installed.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from wall_oss_ros.core.errors import MessageError

Pixels = NDArray[np.uint8]

# Encodings the array path knows: channels, and which of them are red, green, blue.
_PLAIN: dict[str, tuple[int, tuple[int, int, int]]] = {
    "rgb8": (3, (0, 1, 2)),
    "bgr8": (3, (2, 1, 0)),
    "rgba8": (4, (0, 1, 2)),
    "bgra8": (4, (2, 1, 0)),
    "mono8": (1, (0, 0, 0)),
}
_INSTALL = "install cv_bridge, or 'pip install wall_oss_ros[images]'"


def is_compressed(message: Any) -> bool:
    """Return whether this is a sensor_msgs/CompressedImage; otherwise it is an Image."""
    return hasattr(message, "format")


def check_image(message: Any) -> None:
    """Refuse what can never be decoded, without decoding; cheap enough for every message.

    Raises:
        MessageError: no pixels, an unknown encoding, or a size that does not fit the data.
    """
    if is_compressed(message):
        if len(message.data) == 0:
            raise MessageError(f"compressed image '{message.format}' is empty")
        if not _is_jpeg(message) and _converter() is None:
            raise MessageError(
                f"compressed image format '{message.format}' is not JPEG; {_INSTALL}"
            )
        return
    if message.width == 0 or message.height == 0:
        raise MessageError(f"image is {message.width} x {message.height} pixels")
    if len(message.data) != message.height * message.step:
        raise MessageError(
            f"image has {len(message.data)} bytes; expected height x step = "
            f"{message.height} x {message.step}"
        )
    if message.encoding not in _PLAIN:
        if _converter() is None:
            known = ", ".join(_PLAIN)
            raise MessageError(
                f"image encoding '{message.encoding}' is none of {known}; to convert it, {_INSTALL}"
            )
    elif message.step < message.width * _PLAIN[message.encoding][0]:
        raise MessageError(
            f"image step {message.step} is less than a row of {message.width} pixels "
            f"in '{message.encoding}'"
        )


def decode_image(message: Any) -> Pixels:
    """Return (height, width, 3) uint8 RGB of an Image or CompressedImage.

    Raises:
        MessageError: if it cannot be decoded.
    """
    check_image(message)
    try:
        if is_compressed(message):
            if _is_jpeg(message):
                return np.asarray(simplejpeg.decode_jpeg(message.data, colorspace="RGB"))
            return np.ascontiguousarray(_converter().compressed(message))
        if message.encoding in _PLAIN:
            return _plain(message)
        return np.ascontiguousarray(_converter().raw(message))
    except MessageError:
        raise
    except Exception as error:  # decoders raise whatever they like on broken data
        kind = getattr(message, "encoding", getattr(message, "format", "?"))
        raise MessageError(f"image '{kind}' cannot be decoded: {error}") from None


def fingerprint(message: Any) -> int:
    """Return a checksum of the message's bytes; equal pictures have equal ones."""
    return zlib.crc32(memoryview(message.data))


def _plain(message: Any) -> Pixels:
    channels, order = _PLAIN[message.encoding]
    rows = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)
    pixels = rows[:, : message.width * channels].reshape(message.height, message.width, channels)
    return pixels if order == (0, 1, 2) and channels == 3 else pixels[:, :, order]


def _is_jpeg(message: Any) -> bool:
    return bytes(message.data[:2]) == b"\xff\xd8"


class _CvBridge:
    """cv_bridge, the usual converter of a ROS installation."""

    def __init__(self) -> None:
        from cv_bridge import CvBridge

        self._bridge = CvBridge()

    def raw(self, message: Any) -> Pixels:
        return self._bridge.imgmsg_to_cv2(message, desired_encoding="rgb8")

    def compressed(self, message: Any) -> Pixels:
        return self._bridge.compressed_imgmsg_to_cv2(message, desired_encoding="rgb8")


class _RosbagsImage:
    """rosbags-image, which knows cv_bridge's encodings and installs from PyPI."""

    def __init__(self) -> None:
        from rosbags import image

        self._image = image

    def raw(self, message: Any) -> Pixels:
        view: Any = _Bytes(message, np.frombuffer(message.data, np.uint8))
        return np.asarray(self._image.image_to_cvimage(view, "rgb8"), np.uint8)

    def compressed(self, message: Any) -> Pixels:
        view: Any = _Bytes(message, np.frombuffer(message.data, np.uint8))
        return np.asarray(self._image.compressed_image_to_cvimage(view, "rgb8"), np.uint8)


class _Bytes:
    """A message whose data is an ndarray, as rosbags-image wants it."""

    def __init__(self, message: Any, data: Pixels) -> None:
        self._message = message
        self.data = data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


_found: list[Any] = []


def _converter() -> Any:
    """Return the converter for unusual encodings, or None; looked for once."""
    if not _found:
        for kind in (_CvBridge, _RosbagsImage):
            try:
                _found.append(kind())
                break
            except ImportError:
                continue
        else:
            _found.append(None)
    return _found[0]
