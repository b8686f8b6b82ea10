"""Arrays as image messages."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import Image

from wall_oss_ros.messages.images import Pixels
from wall_oss_ros.ros.stamps import to_stamp


def image_message(pixels: Pixels, stamp_ns: int, frame_id: str) -> Image:
    """Return an rgb8 message of (height, width, 3) uint8 RGB.

    Raises:
        ValueError: for another shape or type.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels {pixels.shape} {pixels.dtype}, expected (h, w, 3) uint8")
    message = Image(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding="rgb8",
        is_bigendian=0,
        step=pixels.shape[1] * 3,
    )
    message.header.stamp = to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    message.data = data
    return message


def as_rgb_message(source: object, pixels: Pixels) -> Image:
    """Return an rgb8 message of a decoded one: itself where it is already plain rgb8."""
    if isinstance(source, Image) and source.encoding == "rgb8" and source.step == source.width * 3:
        return source
    header = source.header  # type: ignore[attr-defined]
    message = image_message(pixels, 0, header.frame_id)
    message.header.stamp = header.stamp
    return message
