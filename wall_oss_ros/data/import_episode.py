"""Episodes of a LeRobot v3.0 dataset as recorded episodes: the way back of `export_episode`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rosbags.typesys.store import Typestore

from wall_oss_ros.core.contract import parse_contract
from wall_oss_ros.core.episode import EpisodeLabel, EpisodeRecord, Provenance, TopicAccount
from wall_oss_ros.core.errors import DatasetError, EpisodeError
from wall_oss_ros.core.recorded_topics import recorded_topics
from wall_oss_ros.data.dataset_fit import camera_keys
from wall_oss_ros.data.dataset_joints import EpisodeJoints, episode_joints
from wall_oss_ros.data.dataset_messages import EpisodeMessages, import_channels
from wall_oss_ros.data.dataset_reader import Dataset
from wall_oss_ros.data.dataset_rows import EpisodeRows, episode_rows
from wall_oss_ros.data.dataset_sources import EpisodeSource, read_sources
from wall_oss_ros.data.episode_writer import EpisodeWriter
from wall_oss_ros.kinematics.pose_solver import PoseSolver


@dataclass(frozen=True, slots=True)
class ImportedEpisode:
    """What was made of an episode.

    Attributes:
        bag: its folder.
        frames: how many.
        seconds: how long it is.
        position_error: largest distance of a tool, by the joints written, to its pose [m].
        rotation_error: largest angle likewise [rad].
        missed: frames in which a tool is farther from its pose than the tolerance.
    """

    bag: Path
    frames: int
    seconds: float
    position_error: float
    rotation_error: float
    missed: int


class EpisodeImporter:
    """Makes bags of the episodes of one dataset.

    Args:
        dataset: on the disk.
        root: folder of the bags; made if it is not there.
        provenance: version of this package and contract of the robot.
        types: knows all types of an episode.

    Raises:
        DatasetError: if the dataset is of another robot, layout or set of cameras.
        ContractError: if the provenance's contract is none.
        RobotModelError: if the contract's URDF is missing or does not fit.
    """

    def __init__(
        self, dataset: Dataset, root: Path, provenance: Provenance, types: Typestore
    ) -> None:
        self._dataset, self._root, self._types = dataset, root, types
        self._provenance = provenance
        self._contract = parse_contract(provenance.contract, f"contract of {provenance.robot}")
        self._keys = camera_keys(dataset, self._contract)
        self._sources = read_sources(dataset.root, len(dataset.episodes))
        self._channels = import_channels(self._contract)
        self._places = {topic: place for place, topic in enumerate(self._channels)}
        self._solver = PoseSolver(self._contract)

    def bag(self, number: int) -> Path:
        """Return the folder of an episode's bag."""
        return self._root / f"episode_{number:06d}"

    def check_free(self, numbers: Sequence[int]) -> None:
        """Check that no bag of these episodes is there yet.

        Raises:
            EpisodeError: naming the first that is.
        """
        taken = [self.bag(number) for number in numbers if self.bag(number).exists()]
        if taken:
            raise EpisodeError(
                f"{taken[0]} exists already ({len(taken)} of {len(numbers)} do): choose another "
                "folder, delete them, or leave these episodes out with --episodes"
            )

    def run(
        self, number: int, begin_ns: int, progress: Callable[[int], object] = lambda frames: None
    ) -> ImportedEpisode:
        """Make the bag of an episode; it has its name when it is whole, and after an error never.

        Args:
            number: of the episode.
            begin_ns: time of its first frame [ns].
            progress: called with the number of frames that are new.

        Raises:
            DatasetError: if the episode cannot be read, or its poses cannot be reached.
            EpisodeError: if its bag is there already or cannot be written.
        """
        dataset, contract, source = self._dataset, self._contract, self._source(number)
        where = f"{dataset.root}, episode {number}"
        instruction = self._task(number)
        rows = episode_rows(dataset, number, contract, relative=source.relative)
        fps = dataset.format.fps
        joints = episode_joints(rows.states, fps, contract, self._solver, where)
        messages = EpisodeMessages(contract, self._types, rows, joints, fps, begin_ns)
        label = EpisodeLabel(instruction, source.outcome, source.progress, self._notes(number))
        record = EpisodeRecord(begin_ns, label, self._provenance)
        writer = EpisodeWriter(
            self._root, self.bag(number).name, [*self._channels.values()], self._types, record
        )
        try:
            end_ns = self._write(writer, number, messages, instruction, progress)
        except BaseException:
            writer.discard()
            raise
        return self._finished(writer, record, end_ns, rows, joints)

    def _write(
        self,
        writer: EpisodeWriter,
        number: int,
        messages: EpisodeMessages,
        instruction: str,
        progress: Callable[[int], object],
    ) -> int:
        """Write all messages; return when the last one was received [ns]."""
        topic, received_ns, data = messages.begin(instruction)
        writer.write(self._places[topic], received_ns, data)
        for place, frame in enumerate(self._dataset.frames(number)):
            pictures = {name: frame.images[key] for name, key in self._keys.items()}
            for topic, received_ns, data in messages.frame(place, pictures):
                writer.write(self._places[topic], received_ns, data)
            progress(1)
        return received_ns

    def _finished(
        self,
        writer: EpisodeWriter,
        record: EpisodeRecord,
        end_ns: int,
        rows: EpisodeRows,
        joints: EpisodeJoints,
    ) -> ImportedEpisode:
        expected_hz = {topic.topic: topic.expected_hz for topic in recorded_topics(self._contract)}
        accounts = tuple(
            TopicAccount(channel.topic, expected_hz[topic], written)
            for (topic, channel), written in zip(self._channels.items(), writer.counts, strict=True)
        )
        ended = EpisodeRecord(
            record.begin_ns,
            record.label,
            record.provenance,
            end_ns=end_ns,
            accounts=accounts,
            ending="the dataset's episode ends",
        )
        return ImportedEpisode(
            bag=writer.finish(ended),
            frames=len(rows.states),
            seconds=len(rows.states) / self._dataset.format.fps,
            position_error=joints.position_error,
            rotation_error=joints.rotation_error,
            missed=joints.missed,
        )

    def _source(self, number: int) -> EpisodeSource:
        source = self._sources[number]
        if source.contract not in ("", self._contract.schema_hash):
            raise DatasetError(
                f"{self._dataset.root}, episode {number}: it was recorded with robot contract "
                f"{source.contract}; '{self._contract.name}' is {self._contract.schema_hash} and "
                "means other frames, units or cameras: choose the recorded one with --robot"
            )
        return source

    def _task(self, number: int) -> str:
        tasks = self._dataset.episodes[number].tasks
        if len(tasks) > 1:
            raise DatasetError(
                f"{self._dataset.root}, episode {number}: it has {len(tasks)} tasks, "
                f"{', '.join(map(repr, tasks))}; a recorded episode has one: leave it out with "
                "--episodes"
            )
        return tasks[0]

    def _notes(self, number: int) -> str:
        source = self._sources[number]
        notes = f"imported from dataset {self._dataset.root}, episode {number}"
        if source.bag:
            notes += f", which was recorded as '{source.bag}'"
        if source.policy:
            notes += f" with policy '{source.policy}'"
        return notes


def summary(episodes: Sequence[ImportedEpisode]) -> str:
    """Return in words what was made, and how well joints give the poses."""
    frames = sum(episode.frames for episode in episodes)
    worst_m = max(episode.position_error for episode in episodes)
    worst_deg = math.degrees(max(episode.rotation_error for episode in episodes))
    return (
        f"{len(episodes)} episodes, {frames} frames, "
        f"{sum(episode.seconds for episode in episodes):.1f} s; the joints give the tools' poses "
        f"within {worst_m * 1e3:.3f} mm and {worst_deg:.3f} deg"
    )
