"""What the simulated robot's drivers publish, and the faults they can be told to have."""

from __future__ import annotations

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from wall_oss_ros.core import rotation
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import choices
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.msg import SimTaskState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.geometry import pose_message, twist_message
from wall_oss_ros.ros.images import image_message
from wall_oss_ros.ros.stamps import to_stamp
from wall_oss_ros.ros.task_message import task_message

_CAMERA_FAULTS = ("none", "silence", "freeze", "stall")
_STATE_FAULTS = ("none", "silence")


class SimOutputs:
    """Publishers of joint states, odometry, pictures, ground truth and clock."""

    def __init__(self, node: LifecycleNode, contract: RobotContract, with_clock: bool) -> None:
        """Create the publishers.

        Args:
            node: owner.
            contract: names the topics.
            with_clock: whether to publish /clock.
        """
        self._contract = contract
        create = node.create_lifecycle_publisher
        self._joints = create(JointState, contract.joint_states.topic, qos.DRIVER)
        self._odometry = None
        if contract.odometry is not None:
            self._odometry = create(Odometry, contract.odometry.topic, qos.DRIVER)
        self._images = {
            name: create(Image, camera.topic, qos.DRIVER)
            for name, camera in contract.cameras.items()
        }
        self._task = create(SimTaskState, "task_state", qos.STATE)
        self._clock = create(Clock, "/clock", qos.SENSOR) if with_clock else None
        # Set by the service's thread, read by the publishing ones: one word per stream.
        self._faults: dict[str, str] = {}
        self._last: dict[str, Image] = {}
        self.pictures = dict.fromkeys(contract.cameras, 0)

    def inject(self, stream: str, fault: str) -> str | None:
        """Give a stream a fault, or heal it with "none"; return None, or why not."""
        streams: dict[str, tuple[str, ...]] = {name: _CAMERA_FAULTS for name in self._images}
        streams["joint_states"] = _STATE_FAULTS
        if self._odometry is not None:
            streams["odometry"] = _STATE_FAULTS
        if stream not in streams:
            return f"unknown stream '{stream}'; valid: {choices(streams)}"
        if fault not in streams[stream]:
            return f"unknown fault '{fault}' of '{stream}'; valid: {choices(streams[stream])}"
        self._faults[stream] = fault
        return None

    def publish_clock(self, time_ns: int) -> None:
        """Publish simulated time."""
        if self._clock is not None:
            self._clock.publish(Clock(clock=to_stamp(time_ns)))

    def publish_joints(self, sample: JointSample, stamp_ns: int) -> None:
        """Publish measured joints."""
        if self._faults.get("joint_states") == "silence":
            return
        message = JointState(
            name=list(sample.names),
            position=sample.positions.tolist(),
            velocity=sample.velocities.tolist(),
        )
        message.header.stamp = to_stamp(stamp_ns)
        self._joints.publish(message)

    def publish_odometry(self, pose: Array, twist: Array, stamp_ns: int) -> None:
        """Publish x, y [m], yaw [rad] in odom and vx, vy [m/s], wz [rad/s] in the base frame."""
        if self._odometry is None or self._faults.get("odometry") == "silence":
            return
        message = Odometry(child_frame_id=self._contract.base_frame)
        message.header.stamp = to_stamp(stamp_ns)
        message.header.frame_id = "odom"
        turn = rotation.matrix_from_rotation_vector([0.0, 0.0, pose[2]])
        message.pose.pose = pose_message(Pose(np.array([pose[0], pose[1], 0.0]), turn))
        message.twist.twist = twist_message(twist)
        self._odometry.publish(message)

    def publish_task(self, state: TaskState, stamp_ns: int, real_time_factor: float) -> None:
        """Publish the ground truth."""
        message = task_message(state, self._contract.base_frame, real_time_factor)
        message.header.stamp = to_stamp(stamp_ns)
        self._task.publish(message)

    def publish_pictures(self, pictures: dict[str, NDArray[np.uint8]], stamp_ns: int) -> None:
        """Publish one picture (px, px, 3) uint8 RGB per camera."""
        for name, pixels in pictures.items():
            fault = self._faults.get(name)
            if fault == "silence":
                continue
            last = self._last.get(name)
            if fault in ("freeze", "stall") and last is not None:
                message = last
                if fault == "freeze":
                    message.header.stamp = to_stamp(stamp_ns)
            else:
                frame = self._contract.cameras[name].frame
                message = image_message(pixels, stamp_ns, frame)
            self._images[name].publish(message)
            self._last[name] = message
            self.pictures[name] += 1
