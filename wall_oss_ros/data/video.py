"""Pictures in MP4 files: written one after the other, found again by their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Final

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError, choices, first_line
from wall_oss_ros.data.priority import unchanged_priority

# FFmpeg's encoder by format. The presets are those at which a picture costs a few milliseconds.
_ENCODERS: Final[Mapping[str, str]] = MappingProxyType({"h264": "libx264", "av1": "libsvtav1"})
_PRESETS: Final[Mapping[str, str]] = MappingProxyType({"h264": "veryfast", "av1": "10"})
# Training reads single frames in random order; this is how many must be decoded for one, at most.
_KEYFRAME_EVERY: Final = 2
# Without these, conversion to RGB rounds down, which takes a level of 255 from every pixel.
_EXACT: Final = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_TO_YUV: Final = _EXACT | Interpolation.AREA
_TO_RGB: Final = _EXACT | Interpolation.BILINEAR
# BT.601, as the converter of most decoders assumes for pictures that do not say; these say it.
_COLOUR_MATRIX: Final = 6
# A frame is at its time when it is nearer to it than this share of the time between two frames.
_TOLERANCE: Final = 0.25


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """How pictures are encoded.

    Attributes:
        name: "h264", which every decoder reads, or "av1", which is smaller and slower.
        crf: constant rate factor, 0 to 51 (h264) or 63 (av1); lower is better and larger.
        threads: of the encoder; 1 is best where several episodes are encoded at the same time.
    """

    name: str = "h264"
    crf: int = 20
    threads: int = 1

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            DatasetError: for an unknown codec or a value out of its range.
        """
        if self.name not in _ENCODERS:
            raise DatasetError(f"codec: got '{self.name}'; valid: {choices(_ENCODERS)}")
        highest = 51 if self.name == "h264" else 63
        if not 0 <= self.crf <= highest:
            raise DatasetError(f"crf: got {self.crf}; expected 0 to {highest} for {self.name}")
        if self.threads < 1:
            raise DatasetError(f"threads: got {self.threads}; expected 1 or more")


class VideoWriter:
    """One MP4 file, from its first picture to its end."""

    def __init__(self, file: Path, size: tuple[int, int], fps: int, codec: VideoCodec) -> None:
        """Begin a file, in place of one of that name.

        Args:
            file: where.
            size: (height, width) of the pictures [px], both even.
            fps: pictures per second [Hz].
            codec: how to encode them.

        Raises:
            DatasetError: if the size is odd, or the file cannot be written.
        """
        height, width = size
        if height % 2 or width % 2:
            raise DatasetError(
                f"{file}: pictures of {width}x{height} px; expected even numbers, as colour is "
                "kept for blocks of 2x2 px. Resize or crop the pictures"
            )
        self._file = file
        self._shape = (height, width, 3)
        self._fps = fps
        self._count = 0
        options = {"crf": str(codec.crf), "preset": _PRESETS[codec.name]}
        if codec.name == "av1":
            options["svtav1-params"] = f"lp={codec.threads}"
        try:
            self._container = av.open(str(file), "w", format="mp4")
            stream = self._container.add_stream(_ENCODERS[codec.name], rate=fps, options=options)
            assert isinstance(stream, VideoStream)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            context = stream.codec_context
            context.gop_size = _KEYFRAME_EVERY
            # A frame that needs a later one would shift the times of the file's first frames.
            context.max_b_frames = 0
            context.thread_count = codec.threads
            context.colorspace, context.color_range = _COLOUR_MATRIX, int(ColorRange.MPEG)
            # Now and not with the first picture, so that it fails where it is called.
            with unchanged_priority():
                self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            raise DatasetError(f"{file} cannot be written: {first_line(error)}") from None
        self._stream = stream

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture.

        Args:
            picture: (height, width, 3) RGB.

        Raises:
            DatasetError: if it has another shape or type, or the disk takes no more.
        """
        if picture.shape != self._shape or picture.dtype != np.uint8:
            raise DatasetError(
                f"{self._file}, picture {self._count}: got {picture.dtype} {picture.shape}; "
                f"expected uint8 {self._shape}"
            )
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = frame.reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=_TO_YUV,
        )
        frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
        self._write(frame)
        self._count += 1

    def close(self) -> None:
        """End the file.

        Raises:
            DatasetError: if the disk takes no more, or the file does not hold what was added.
        """
        self._write(None)
        try:
            self._container.close()
            with av.open(str(self._file)) as written:
                found = written.streams.video[0].frames
        except (av.FFmpegError, OSError) as error:
            raise DatasetError(f"{self._file} cannot be ended: {first_line(error)}") from None
        if found != self._count:
            raise DatasetError(f"{self._file} holds {found} pictures; {self._count} were added")

    def discard(self) -> None:
        """Let go of the file, whatever is in it by now, and delete it."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError):
            pass  # It goes anyway.
        self._file.unlink(missing_ok=True)

    def _write(self, frame: VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise DatasetError(f"{self._file} cannot be written: {first_line(error)}") from None


def read_pictures(
    file: Path, times_s: NDArray[np.floating], fps: int
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures at given times of a file, (height, width, 3) RGB each.

    Args:
        file: of any codec that FFmpeg decodes.
        times_s: ascending, from the beginning of the file [s].
        fps: pictures per second of the file [Hz].

    Raises:
        DatasetError: if the file is missing or damaged, or has no picture at one of the times.
    """
    if not file.is_file():
        raise DatasetError(f"{file} is missing; copy or write the dataset again")
    wanted = iter(times_s.tolist())
    time_s = next(wanted, None)
    tolerance_s = _TOLERANCE / fps
    try:
        with av.open(str(file)) as container:
            if not container.streams.video:
                raise DatasetError(f"{file} holds no video")
            stream = container.streams.video[0]
            if time_s is not None and stream.time_base is not None:
                before = max(int((time_s - tolerance_s) / stream.time_base), 0)
                container.seek(before, stream=stream)
            for frame in container.decode(stream):
                if time_s is None:
                    return
                if frame.time is None or frame.time < time_s - tolerance_s:
                    continue
                if frame.time > time_s + tolerance_s:
                    break
                frame = frame.reformat(format="rgb24", interpolation=_TO_RGB)
                yield frame.to_ndarray().astype(np.uint8, copy=False)
                time_s = next(wanted, None)
    except (av.FFmpegError, OSError) as error:
        raise DatasetError(f"{file} cannot be decoded: {first_line(error)}") from None
    if time_s is not None:
        raise DatasetError(f"{file} has no picture at {time_s:.4f} s; copy or write it again")
