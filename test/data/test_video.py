"""Pins: pictures come back at their times, near to what they were, from wherever reading begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_episodes import picture
from numpy.typing import NDArray

from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.data.video import VideoCodec, VideoWriter, read_pictures

SIZE = (64, 96)
COUNT = 31
FPS = 30
# Of 255 levels, for the soft pictures of these tests at the default quality.
MEAN_ERROR, LARGEST_ERROR, BIAS = 2.0, 20, 0.5


def write(file: Path, codec: VideoCodec, fps: int = FPS) -> NDArray[np.uint8]:
    """Return what was written, (COUNT, height, width, 3)."""
    pictures = np.stack([picture(3, place, SIZE) for place in range(COUNT)])
    writer = VideoWriter(file, SIZE, fps, codec)
    for one in pictures:
        writer.add(one)
    writer.close()
    return pictures


@pytest.mark.parametrize("codec", [VideoCodec(), VideoCodec(threads=2), VideoCodec("av1", crf=25)])
def test_pictures_come_back_within_the_codecs_error(tmp_path: Path, codec: VideoCodec) -> None:
    file = tmp_path / "a.mp4"
    pictures = write(file, codec)
    found = np.stack(list(read_pictures(file, np.arange(COUNT) / FPS, FPS)))
    error = found.astype(int) - pictures
    assert np.abs(error).mean() < MEAN_ERROR
    assert np.abs(error).max() <= LARGEST_ERROR
    # The mean of an error that favours no side is 0: pictures become neither darker nor coloured.
    assert np.abs(error.mean((0, 1, 2))).max() < BIAS


@pytest.mark.parametrize("fps", [10, 30, 7])
def test_pictures_are_found_by_their_times_wherever_reading_begins(
    tmp_path: Path, fps: int
) -> None:
    file = tmp_path / "a.mp4"
    write(file, VideoCodec(), fps)
    everything = list(read_pictures(file, np.arange(COUNT) / fps, fps))
    for places in ([0], [COUNT - 1], [17, 18, 19], [2, 9, 30], []):
        found = list(read_pictures(file, np.array(places, float) / fps, fps))
        assert len(found) == len(places)
        for place, one in zip(places, found, strict=True):
            assert np.array_equal(one, everything[place])


@pytest.mark.parametrize("times", [[0.5 / FPS], [(COUNT + 1) / FPS], [0.0, 0.4 / FPS]])
def test_a_time_without_a_picture_is_an_error(tmp_path: Path, times: list[float]) -> None:
    file = tmp_path / "a.mp4"
    write(file, VideoCodec())
    with pytest.raises(DatasetError, match="no picture at"):
        list(read_pictures(file, np.array(times), FPS))


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    write(file, VideoCodec())
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DatasetError, match="cannot be decoded"):
        list(read_pictures(file, np.array([0.0]), FPS))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="missing"):
        list(read_pictures(tmp_path / "a.mp4", np.array([0.0]), FPS))


@pytest.mark.parametrize("size", [(63, 96), (64, 95)])
def test_odd_sizes_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(DatasetError, match=f"{size[1]}x{size[0]} px; expected even"):
        VideoWriter(tmp_path / "a.mp4", size, FPS, VideoCodec())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrong", [np.zeros((64, 94, 3), np.uint8), np.zeros((*SIZE, 3)), np.zeros((*SIZE, 4), np.uint8)]
)
def test_pictures_of_another_shape_or_type_are_refused(
    tmp_path: Path, wrong: NDArray[np.uint8]
) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", SIZE, FPS, VideoCodec())
    with pytest.raises(DatasetError, match="picture 0: got"):
        writer.add(wrong)
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be written"):
        VideoWriter(tmp_path / "none" / "a.mp4", SIZE, FPS, VideoCodec())


@pytest.mark.parametrize(
    ("name", "crf", "threads"), [("vp9", 20, 1), ("h264", 52, 1), ("av1", 64, 1), ("h264", 20, 0)]
)
def test_codecs_that_nobody_has_are_refused(name: str, crf: int, threads: int) -> None:
    with pytest.raises(DatasetError):
        VideoCodec(name, crf, threads)
