"""Which episodes share an MP4 file, and joining their videos without encoding anything again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from wall_oss_ros.core.errors import DatasetError, first_line
from wall_oss_ros.data.dataset_format import VIDEO_FILE_MB

_MB: Final = 10**6


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """When a file gets no further episode.

    LeRobot's readers keep every file that they opened open, so a file for each episode is too many.
    They also compare times as float32 within 0.1 ms, which fails in files of more than 1024 s.

    Attributes:
        seconds: most of one file, unless a single episode is longer [s].
        size_bytes: likewise.
    """

    seconds: float = 600.0
    size_bytes: int = VIDEO_FILE_MB * _MB


@dataclass(frozen=True, slots=True)
class VideoPlace:
    """Where the video of an episode is.

    Attributes:
        file: number of the file, from 0.
        first_frame: number of the episode's first frame in that file.
    """

    file: int
    first_frame: int


def share_files(
    lengths: Sequence[int], sizes: Sequence[int], fps: int, limits: VideoLimits
) -> list[VideoPlace]:
    """Return the place of each episode, filling one file after the other.

    Args:
        lengths: frames of each episode.
        sizes: of each episode's video [bytes].
        fps: frames per second [Hz].
        limits: of a file.
    """
    places: list[VideoPlace] = []
    file, frames, filled = 0, 0, 0
    for length, size in zip(lengths, sizes, strict=True):
        too_long = (frames + length) / fps > limits.seconds
        if frames and (too_long or filled + size > limits.size_bytes):
            file, frames, filled = file + 1, 0, 0
        places.append(VideoPlace(file, frames))
        frames, filled = frames + length, filled + size
    return places


def join_videos(parts: Sequence[Path], target: Path, fps: int) -> None:
    """Write the pictures of several files into one, in their order, as they are encoded.

    A single file gets a second name instead, where the disk allows it.

    Args:
        parts: of one codec and with the same settings.
        target: the new file; its folder is made.
        fps: pictures per second of all [Hz].

    Raises:
        DatasetError: if a part is damaged, or was encoded with other settings than the first.
        OSError: if the disk takes no more.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if len(parts) == 1:
        try:
            os.link(parts[0], target)
        except OSError:
            # Another disk, or one that has no second names.
            shutil.copyfile(parts[0], target)
        return
    part = parts[0]
    try:
        with av.open(str(target), "w", format="mp4") as joined:
            with av.open(str(parts[0])) as first:
                settings = first.streams.video[0].codec_context.extradata
                # Opaque: it is named after the decoder, which need not be able to encode.
                stream = joined.add_stream_from_template(first.streams.video[0], opaque=True)
            begin = 0
            for part in parts:
                with av.open(str(part)) as source:
                    video = source.streams.video[0]
                    if video.codec_context.extradata != settings:
                        raise DatasetError(
                            f"{part} was encoded with other settings than {parts[0]}; make all "
                            "shards with the same codec"
                        )
                    for packet in source.demux(video):
                        if packet.pts is None or packet.dts is None:
                            continue  # The end of the part.
                        shift = Fraction(begin, fps) / packet.time_base
                        if shift.denominator != 1:
                            raise DatasetError(f"{part} is not of {fps} pictures per second")
                        packet.pts, packet.dts = packet.pts + int(shift), packet.dts + int(shift)
                        packet.stream = stream
                        joined.mux(packet)
                    begin += video.frames
        with av.open(str(target)) as written:
            found = written.streams.video[0].frames
    except av.FFmpegError as error:
        raise DatasetError(f"{part} cannot be joined to {target}: {first_line(error)}") from None
    if found != begin:
        raise DatasetError(f"{target} holds {found} pictures; {begin} were joined")
