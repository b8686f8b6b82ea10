"""Episodes of a robot that does something known, written as the recorder writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import load_contract
from wall_oss_ros.core.episode import EpisodeLabel, Provenance
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.recorded_topics import EXECUTED, recorded_topics
from wall_oss_ros.core.recorder_settings import RecorderSettings
from wall_oss_ros.data.bag_messages import BagMessages
from wall_oss_ros.data.intake import Arrival
from wall_oss_ros.data.message_types import suite_types
from wall_oss_ros.data.recorder import EpisodeRecorder
from wall_oss_ros.kinematics import MinkKinematics

ROOT = Path(__file__).parents[2]
MSG_FOLDER = ROOT / "msg"
CONTRACT_FILE = ROOT / "config/robots/tiago_pro_sim.yaml"
SECOND = 1_000_000_000
BEGIN = 1_700_000_000 * SECOND
# When messages come after their stamps [ns].
LATENCY = {"camera": 4_000_000, "joint": 1_000_000, "odom": 1_000_000, "command": 500_000}
# What the base does [m/s], [m/s], [rad/s].
TWIST = np.array([0.1, 0.0, 0.0])

Sent = tuple[str, int, Any]


class RecordedRobot:
    """Moves its left wrist and its head; the right arm's gripper is never commanded."""

    def __init__(self, px: int = 64, camera_hz: float = 10.0) -> None:
        self.contract = load_contract(CONTRACT_FILE)
        self.kinematics = MinkKinematics(self.contract)
        self.types = suite_types(MSG_FOLDER)
        self.make = BagMessages(self.types)
        self.px, self.camera_hz = px, camera_hz
        self.parts = self.contract.commanded_parts - {"right_gripper"}

    def joints_at(self, seconds: float) -> dict[str, float]:
        joints = dict(self.contract.home)
        joints["arm_left_7_joint"] += 0.3 * np.sin(seconds)
        joints[next(iter(self.contract.head.joints))] += 0.1 * np.sin(0.5 * seconds)
        return joints

    def picture_at(self, seconds: float, camera: int) -> np.ndarray:
        y, x = np.mgrid[0 : self.px, 0 : self.px]
        wave = 60 * np.sin((x + 2 * y) / 20 + 3 * seconds + camera)
        return np.stack([128 + wave, 128 - wave, 90 + x * 60 / self.px], axis=2).astype(np.uint8)

    # -- messages ---------------------------------------------------------------------------------

    def picture(self, stamp_ns: int, pixels: np.ndarray) -> Any:
        return self.make.image(stamp_ns, "optical", pixels)

    def joint_states(self, stamp_ns: int, seconds: float) -> Any:
        joints = self.joints_at(seconds)
        return self.make.joint_states(stamp_ns, joints, dict.fromkeys(joints, 0.0))

    def odometry(self, stamp_ns: int) -> Any:
        pose = Pose(np.zeros(3), np.eye(3))
        return self.make.odometry(stamp_ns, "odom", "base", pose, TWIST)

    def command(self, stamp_ns: int, seconds: float) -> Any:
        """What is sent leads what is measured by a twentieth of a second."""
        joints = self.joints_at(seconds + 0.05)
        command = RobotCommand(
            stamp_ns=stamp_ns,
            source_seq=1,
            source_epoch=1,
            parts=self.parts,
            positions=joints,
            velocities=dict.fromkeys(joints, 0.0),
            tools=self.kinematics.tool_poses(joints),
            grippers={"left": 0.5},
            base_twist=TWIST,
            source_stamp_ns=stamp_ns,
        )
        return self.make.command(command, self.contract)

    # -- streams ----------------------------------------------------------------------------------

    def messages(self, seconds: float) -> Iterator[Sent]:
        """Yield (topic, received [ns], message) of everything, unsorted."""
        contract = self.contract
        for number in range(int(seconds * self.camera_hz)):
            at = number / self.camera_hz
            for place, camera in enumerate(contract.cameras.values()):
                stamp = BEGIN + round(at * SECOND) + 1_000_000 * place
                pixels = self.picture_at(at, place)
                received = stamp + LATENCY["camera"]
                yield camera.topic, received, self.picture(stamp, pixels)
        for number in range(int(seconds * 100) + 10):
            at = number / 100 - 0.1
            stamp = BEGIN + round(at * SECOND)
            yield (
                contract.joint_states.topic,
                stamp + LATENCY["joint"],
                self.joint_states(stamp, at),
            )
            yield contract.odometry.topic, stamp + LATENCY["odom"], self.odometry(stamp)
            yield EXECUTED, stamp + LATENCY["command"], self.command(stamp, at)

    def write(
        self,
        root: Path,
        name: str,
        seconds: float,
        *,
        label: EpisodeLabel | None = None,
        change: Callable[[Sent], Sent | None] = lambda sent: sent,
        quality: int = 95,
    ) -> Path:
        """Record an episode; `change` may replace or drop messages."""
        topics = recorded_topics(self.contract)
        places = {topic.topic: place for place, topic in enumerate(topics)}
        settings = RecorderSettings(jpeg_quality=quality, min_free_mb=1, ring_s=0.0)
        recorder = EpisodeRecorder(root, topics, "/", self.types, settings)
        provenance = Provenance(
            "0.1.0",
            self.contract.name,
            self.contract.schema_hash,
            CONTRACT_FILE.read_text(encoding="utf-8"),
        )
        label = label or EpisodeLabel("pick up the red cube", "success", 1.0)
        recorder.start(name, label, provenance, BEGIN)
        sent = [changed for one in self.messages(seconds) if (changed := change(one)) is not None]
        numbers: dict[str, int] = {}
        for topic, received, message in sorted(sent, key=lambda one: one[1]):
            numbers[topic] = numbers.get(topic, 0) + 1
            data = self.make.data(message)
            recorder.intake.offer(Arrival(places[topic], received, data), b"x", numbers[topic])
        return recorder.stop(label, "", BEGIN + round(seconds * SECOND))
