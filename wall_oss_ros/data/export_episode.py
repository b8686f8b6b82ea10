"""One recorded episode as shards of a dataset: one per run of frames without a gap."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.assembler import AssemblerSettings
from wall_oss_ros.core.errors import EpisodeError
from wall_oss_ros.core.relative import relative_actions
from wall_oss_ros.data.dataset_format import DatasetFormat
from wall_oss_ros.data.durable import write_whole
from wall_oss_ros.data.episode_reader import RecordedEpisode, open_episode
from wall_oss_ros.data.norm_stats import dimension_names
from wall_oss_ros.data.recorded_actions import SECOND_NS, RecordedActions, read_actions
from wall_oss_ros.data.recorded_observations import (
    Observer,
    check_inputs,
    input_topics,
    observations,
)
from wall_oss_ros.data.resampling import Dropped, EpisodeFrame, Grid, frames, segments
from wall_oss_ros.data.shard_writer import ShardWriter
from wall_oss_ros.data.training_config import ACTION_KEY, IMAGE_PREFIX, STATE_KEY
from wall_oss_ros.data.video import VideoCodec
from wall_oss_ros.kinematics import MinkKinematics

DONE_FILE = "done.json"
# Of the time before the first motion and after the last, this much stays [ns].
_IDLE_NS = SECOND_NS // 4
# An observation may be so many periods of the slowest camera old.
_PERIODS = 1.6


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What a dataset is made of.

    Attributes:
        fps: frames per second; 0: the rate of the contract's actions.
        relative: whether actions are relative to their own frame's state.
        trim_idle: whether the time before the first motion and after the last is left out.
        observation_age_s: oldest observation of a frame [s]; 0: 1.6 periods of the slowest camera.
        action_age_s: oldest executed command of a frame [s].
        shortest_s: runs of frames shorter than this are left out [s].
        codec: how pictures are encoded.
    """

    fps: int = 0
    relative: bool = False
    trim_idle: bool = False
    observation_age_s: float = 0.0
    action_age_s: float = 0.25
    shortest_s: float = 1.0
    codec: VideoCodec = VideoCodec()


@dataclass(frozen=True, slots=True)
class ExportedEpisode:
    """What became of an episode.

    Attributes:
        bag: its folder.
        shards: names of its shards' folders.
        frames: how many, in all of them.
        seconds: of recording that were read.
        dropped: frames that were left out, by reason.
        parts: of the robot that were commanded.
    """

    bag: str
    shards: tuple[str, ...]
    frames: int
    seconds: float
    dropped: dict[str, int]
    parts: tuple[str, ...]


def export_episode(
    bag: Path,
    folder: Path,
    settings: ExportSettings,
    progress: Callable[[int], None] = lambda frames: None,
) -> ExportedEpisode:
    """Make the shards of an episode; what an earlier call has made whole is kept.

    Args:
        bag: folder of the episode.
        folder: for its shards, and for nothing else.
        settings: see there.
        progress: called with the number of frames that are new.

    Raises:
        EpisodeError: if the episode cannot be read, or holds no frame.
        DatasetError: if the shards cannot be written.
    """
    done = folder / DONE_FILE
    if done.is_file():
        values = json.loads(done.read_text(encoding="utf-8"))
        return ExportedEpisode(
            **{**values, "shards": tuple(values["shards"]), "parts": tuple(values["parts"])}
        )
    shutil.rmtree(folder, ignore_errors=True)
    episode = open_episode(bag)
    if not episode.record.label.instruction.strip():
        raise EpisodeError(
            f"{bag}: nobody said what the robot was told; label it (episode_recorder/label) or "
            "leave it out"
        )
    check_inputs(episode)
    actions = read_actions(episode)
    observer = Observer(
        episode.contract, MinkKinematics(episode.contract), AssemblerSettings(), str(bag)
    )
    grid = _grid(episode, actions, settings)
    dropped = Dropped()
    seen = observations(episode.messages(input_topics(episode.contract)), observer)
    runs = _Runs(folder, episode, settings, grid.fps, progress)
    for run, frame in segments(frames(seen, actions, grid, dropped)):
        runs.add(run, frame)
    runs.end()
    reasons = dropped.reasons + observer.refused
    if runs.short:
        reasons["in runs shorter than the shortest"] += runs.short
    if not runs.shards:
        why = "; ".join(f"{count} x {reason}" for reason, count in reasons.most_common(5))
        raise EpisodeError(
            f"{bag}: no run of {settings.shortest_s:g} s of frames: {why or 'empty'}"
        )
    exported = ExportedEpisode(
        bag=str(bag),
        shards=tuple(runs.shards),
        frames=runs.frames,
        seconds=(episode.record.end_ns - episode.record.begin_ns) / SECOND_NS,
        dropped=dict(reasons),
        parts=tuple(sorted(actions.parts)),
    )
    write_whole(done, json.dumps(asdict(exported)))
    return exported


def _grid(episode: RecordedEpisode, actions: RecordedActions, settings: ExportSettings) -> Grid:
    slowest_hz = min(camera.rate for camera in episode.contract.cameras.values())
    begin_ns, end_ns = 0, 2**63 - 1
    if settings.trim_idle:
        motion = actions.motion_ns()
        if motion is None:
            raise EpisodeError(f"{episode.path}: nothing moves in it")
        begin_ns, end_ns = motion[0] - _IDLE_NS, motion[1] + _IDLE_NS
    return Grid(
        fps=settings.fps or round(1.0 / episode.contract.action.dt),
        observation_age_s=settings.observation_age_s or _PERIODS / slowest_hz,
        action_age_s=settings.action_age_s,
        begin_ns=begin_ns,
        end_ns=end_ns,
    )


class _Runs:
    """Writes runs of frames, and throws away what is too short."""

    def __init__(
        self,
        folder: Path,
        episode: RecordedEpisode,
        settings: ExportSettings,
        fps: int,
        progress: Callable[[int], None],
    ) -> None:
        self._folder, self._episode, self._settings = folder, episode, settings
        self._fps, self._progress = fps, progress
        self._run = -1
        self._writer: ShardWriter | None = None
        self.shards: list[str] = []
        self.frames = self.short = 0

    def add(self, run: int, frame: EpisodeFrame) -> None:
        if run != self._run:
            self.end()
            self._run = run
            self._writer = ShardWriter(
                self._folder / f"run_{run:03d}", self._format(frame), codec=self._settings.codec
            )
        assert self._writer is not None
        observation, action = frame.observation, frame.action
        if self._settings.relative:
            action = relative_actions(action[None], observation.state)[0]
        self._writer.add(
            {IMAGE_PREFIX + camera.label: camera.pixels for camera in observation.cameras},
            {
                STATE_KEY: observation.state.astype(np.float32),
                ACTION_KEY: action.astype(np.float32),
            },
        )
        self._progress(1)

    def end(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        if writer.length < self._settings.shortest_s * self._fps:
            self.short += writer.length
            writer.discard()
            return
        record = self._episode.record
        source = {
            "bag": self._episode.path.name,
            "outcome": record.label.outcome,
            "progress": "" if record.label.progress is None else f"{record.label.progress:g}",
            "contract": record.provenance.schema,
            "policy": record.provenance.policy,
            "checkpoint": record.provenance.checkpoint_hash,
            "actions": "relative" if self._settings.relative else "absolute",
        }
        writer.finish(record.label.instruction, source)
        self.shards.append(writer.folder.name)
        self.frames += writer.length

    def _format(self, frame: EpisodeFrame) -> DatasetFormat:
        names = dimension_names()
        assert len(names) == ACTION_DIM
        return DatasetFormat(
            fps=self._fps,
            robot_type=self._episode.contract.name,
            cameras={
                IMAGE_PREFIX + camera.label: (camera.pixels.shape[0], camera.pixels.shape[1])
                for camera in frame.observation.cameras
            },
            vectors={STATE_KEY: names, ACTION_KEY: names},
        )
