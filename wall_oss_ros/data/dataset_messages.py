"""One episode of a dataset as the messages that a recorder would have received."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys.store import Typestore

from wall_oss_ros.core import action_space
from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.driven import driven
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.recorded_topics import COMPRESSED_SUFFIX, EXECUTED, recorded_topics
from wall_oss_ros.core.rotation import Array, matrix_from_rotation_vector
from wall_oss_ros.data.bag_messages import BagMessages
from wall_oss_ros.data.dataset_joints import EpisodeJoints, direct_of, tools_of
from wall_oss_ros.data.dataset_rows import EpisodeRows
from wall_oss_ros.data.episode_writer import Channel
from wall_oss_ros.data.jpeg_comment import with_comment
from wall_oss_ros.data.picture_encoder import JPEG_TYPE, PictureEncoder
from wall_oss_ros.messages.stamps import SECOND_NS

INSTRUCTION = "instruction"
# Better than the recorder's default: these pictures have been through a codec already.
_JPEG_QUALITY = 95
# Messages of one instant are received one after the other, so far apart [ns].
_APART_NS = 1_000


class TimedMessage(NamedTuple):
    """A message: its topic as in the contract, when it is received [ns], its CDR bytes."""

    topic: str
    received_ns: int
    data: bytes


def import_channels(contract: RobotContract) -> dict[str, Channel]:
    """Return the channel of the bag by topic of the contract, for everything that is written."""
    odometry = [contract.odometry.topic] if contract.odometry is not None else []
    wanted = {contract.joint_states.topic, *odometry, INSTRUCTION, EXECUTED}
    channels = {}
    for topic in recorded_topics(contract):
        if topic.camera:
            raw = contract.cameras[topic.camera].transport == "raw"
            name = f"/{topic.topic}{COMPRESSED_SUFFIX if raw else ''}"
            channels[topic.topic] = Channel(name, JPEG_TYPE)
        elif topic.topic in wanted:
            channels[topic.topic] = Channel(f"/{topic.topic}", topic.kind, topic.latched)
    return channels


class EpisodeMessages:
    """Makes the messages of one episode, frame by frame.

    Frame k is at t(k) = begin + k / fps. What was measured is stamped so that it was captured
    then; the frame's command is due one frame later, as an export takes it. Everything is received
    when the stream with the largest capture delay comes, state first, so that pictures find it.

    Args:
        contract: the robot.
        types: knows the types of all topics.
        rows: of the episode.
        joints: that give its states.
        fps: frames per second [Hz].
        begin_ns: time of the first frame [ns].
    """

    def __init__(
        self,
        contract: RobotContract,
        types: Typestore,
        rows: EpisodeRows,
        joints: EpisodeJoints,
        fps: int,
        begin_ns: int,
    ) -> None:
        self._contract, self._rows, self._joints = contract, rows, joints
        self._fps, self._begin_ns = fps, begin_ns
        self._make = BagMessages(types)
        self._jpeg = PictureEncoder(types, _JPEG_QUALITY)
        self._places = driven(rows.states[:, action_space.BASE], 1.0 / fps)
        streams = [*contract.cameras.values(), contract.joint_states, contract.odometry]
        self._transit_ns = max(_delay_ns(s.capture_delay) for s in streams if s is not None)

    def begin(self, instruction: str) -> TimedMessage:
        """Return what is said before the first frame."""
        data = self._make.data(self._make.text(instruction))
        return TimedMessage(INSTRUCTION, self._begin_ns, data)

    def frame(
        self, number: int, pictures: Mapping[str, NDArray[np.uint8]]
    ) -> Iterator[TimedMessage]:
        """Yield the messages of a frame in the order in which they are received.

        Args:
            number: of the frame, from 0.
            pictures: (height, width, 3) RGB by camera of the contract.
        """
        # As `resampling.frames` places a frame on its grid, to the nanosecond.
        time_ns = self._begin_ns + round(number * SECOND_NS / self._fps)
        received_ns = time_ns + self._transit_ns
        for topic, data in self._measured(number, time_ns, pictures):
            received_ns += _APART_NS
            yield TimedMessage(topic, received_ns, data)
        due_ns = time_ns + round(SECOND_NS / self._fps)
        command = self._command(self._rows.actions[number], due_ns)
        data = self._make.data(self._make.command(command, self._contract))
        yield TimedMessage(EXECUTED, due_ns + self._transit_ns, data)

    def _measured(
        self, number: int, time_ns: int, pictures: Mapping[str, NDArray[np.uint8]]
    ) -> Iterator[tuple[str, bytes]]:
        make, contract, joints = self._make, self._contract, self._joints
        positions, velocities = (
            dict(zip(joints.names, values[number].tolist(), strict=True))
            for values in (joints.positions, joints.velocities)
        )
        stamp_ns = time_ns + _delay_ns(contract.joint_states.capture_delay)
        message = make.joint_states(stamp_ns, positions, velocities)
        yield contract.joint_states.topic, make.data(message)
        if contract.odometry is not None:
            odometry = contract.odometry
            x, y, yaw = self._places[number].tolist()
            message = make.odometry(
                time_ns + _delay_ns(odometry.capture_delay),
                odometry.frame,
                contract.base_frame,
                Pose(np.array([x, y, 0.0]), matrix_from_rotation_vector([0.0, 0.0, yaw])),
                self._rows.states[number, action_space.BASE],
            )
            yield odometry.topic, make.data(message)
        for name, camera in contract.cameras.items():
            stamp_ns = time_ns + _delay_ns(camera.capture_delay)
            # A scene in which nothing moves comes out of a codec without noise, frame by frame the
            # same; without the number its camera would be taken for one that hangs.
            yield camera.topic, self._picture(stamp_ns, camera.frame, pictures[name], number)

    def _picture(self, stamp_ns: int, frame: str, pixels: NDArray[np.uint8], number: int) -> bytes:
        message = self._jpeg.compressed(self._make.image(stamp_ns, frame, pixels))
        jpeg = with_comment(message.data.tobytes(), f"frame {number}")
        message.data = np.frombuffer(jpeg, np.uint8)
        return self._make.data(message)

    def _command(self, row: Array, due_ns: int) -> RobotCommand:
        """Return a command of an absolute row (26,); of the arms it has the tools alone."""
        contract = self._contract
        positions = direct_of(row, contract)
        grippers = {}
        for side, gripper in contract.grippers.items():
            opening = gripper.opening_from_model(float(row[action_space.GRIPPER[side]]))
            grippers[side] = opening
            positions[gripper.joint] = gripper.joint_from_opening(opening)
        return RobotCommand(
            stamp_ns=due_ns,
            source_seq=0,
            source_epoch=0,
            parts=contract.commanded_parts,
            positions=positions,
            velocities=dict.fromkeys(positions, 0.0),
            tools=tools_of(row),
            grippers=grippers,
            base_twist=row[action_space.BASE],
        )


def _delay_ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
