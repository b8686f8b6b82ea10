"""Raw pictures become JPEG before they are written: a twentieth of the bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import simplejpeg
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.errors import EpisodeError

RAW_TYPE = "sensor_msgs/msg/Image"
JPEG_TYPE = "sensor_msgs/msg/CompressedImage"
# What simplejpeg calls the encodings of sensor_msgs.
_COLOURS = {"rgb8": "RGB", "bgr8": "BGR", "rgba8": "RGBA", "bgra8": "BGRA", "mono8": "GRAY"}


class PictureEncoder:
    """Turns a serialized Image into a serialized CompressedImage with the same header.

    Args:
        types: knows both types.
        quality: of the JPEG, 1 to 100.
    """

    def __init__(self, types: Typestore, quality: int) -> None:
        self._types = types
        self._quality = quality
        self._compressed = types.types[JPEG_TYPE]

    def encode(self, data: bytes) -> bytes:
        """Return the CDR bytes of the CompressedImage.

        Args:
            data: CDR bytes of an Image in rgb8, bgr8, rgba8, bgra8 or mono8.

        Raises:
            EpisodeError: for another encoding, or a size that does not fit the data.
        """
        message = self.compressed(self._types.deserialize_cdr(data, RAW_TYPE))
        return bytes(self._types.serialize_cdr(message, JPEG_TYPE))

    def compressed(self, image: Any) -> Any:
        """Return the CompressedImage of an Image; both are messages of the typestore.

        Raises:
            EpisodeError: as `encode`.
        """
        encoding = image.encoding
        if encoding not in _COLOURS:
            raise EpisodeError(
                f"a picture in '{encoding}' cannot be recorded as JPEG, only "
                f"{', '.join(_COLOURS)}; set jpeg_quality of episode_recorder to 0 to record it as "
                "it is"
            )
        colour = _COLOURS[encoding]
        height, width, step = image.height, image.width, image.step
        channels = {"GRAY": 1, "RGB": 3, "BGR": 3}.get(colour, 4)
        if len(image.data) != height * step or step < width * channels or not height * width:
            raise EpisodeError(
                f"a picture of {width} x {height} '{encoding}' with step {step} has "
                f"{len(image.data)} bytes"
            )
        rows = image.data.reshape(height, step)[:, : width * channels]
        pixels = np.ascontiguousarray(rows).reshape(height, width, channels)
        jpeg = simplejpeg.encode_jpeg(
            pixels, quality=self._quality, colorspace=colour, colorsubsampling="420"
        )
        return self._compressed(
            header=image.header,
            format=f"{encoding}; jpeg compressed {'mono8' if colour == 'GRAY' else 'bgr8'}",
            data=np.frombuffer(jpeg, np.uint8),
        )
