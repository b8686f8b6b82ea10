"""Which topics an episode holds: what came in, what was proposed, what was let through."""

from __future__ import annotations

from dataclasses import dataclass

from wall_oss_ros.core.contract import RobotContract

# What the supervisor sent to the controllers, as one message; `command` is what was proposed.
EXECUTED = "safety/command"
COMPRESSED_SUFFIX = "/compressed"

_IMAGE_TYPES = {
    "raw": "sensor_msgs/msg/Image",
    "compressed": "sensor_msgs/msg/CompressedImage",
}
# What the nodes of this package say; the first five make the episode, the others explain it.
_SUITE = {
    "instruction": "std_msgs/msg/String",
    "action_chunk": "wall_oss_ros/msg/ActionChunk",
    "command": "wall_oss_ros/msg/RobotCommand",
    EXECUTED: "wall_oss_ros/msg/RobotCommand",
    "chunk_verdict": "wall_oss_ros/msg/ChunkVerdict",
    "committed_plan": "wall_oss_ros/msg/CommittedPlan",
    "policy/state": "wall_oss_ros/msg/PolicyState",
    "executor/state": "wall_oss_ros/msg/ExecutorState",
    "safety/state": "wall_oss_ros/msg/SafetyState",
    "task_state": "wall_oss_ros/msg/SimTaskState",
}
# Latched: what was said before the episode holds in it.
LATCHED = frozenset({"instruction", "task_state", "policy/state", "executor/state", "safety/state"})


@dataclass(frozen=True, slots=True)
class RecordedTopic:
    """One topic of an episode.

    Attributes:
        topic: relative name, as the graph has it.
        kind: message type, e.g. "sensor_msgs/msg/JointState".
        expected_hz: rate that the contract promises; 0 where it promises none.
        latched: whether a late subscriber gets the last message.
        camera: its name in the contract; empty for other topics.
    """

    topic: str
    kind: str
    expected_hz: float = 0.0
    latched: bool = False
    camera: str = ""


def recorded_topics(contract: RobotContract) -> tuple[RecordedTopic, ...]:
    """Return all topics of an episode of this robot."""
    joints = contract.joint_states
    topics = [
        *(
            RecordedTopic(camera.topic, _IMAGE_TYPES[camera.transport], camera.rate, camera=name)
            for name, camera in contract.cameras.items()
        ),
        RecordedTopic(joints.topic, "sensor_msgs/msg/JointState", joints.rate),
    ]
    if contract.odometry is not None:
        odometry = contract.odometry
        topics.append(RecordedTopic(odometry.topic, "nav_msgs/msg/Odometry", odometry.rate))
    topics += [
        RecordedTopic(topic, kind, latched=topic in LATCHED) for topic, kind in _SUITE.items()
    ]
    return tuple(topics)
