"""What the simulated robot's drivers publish; with a fault, what they publish then."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState

from wall_oss_ros.core import rotation
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array
from wall_oss_ros.core.task import TaskState
from wall_oss_ros.msg import SimTaskState
from wall_oss_ros.ros import qos
from wall_oss_ros.ros.geometry import pose_message, twist_message
from wall_oss_ros.ros.images import image_message
from wall_oss_ros.ros.sim_faults import SimFaults, spoiled_image, spoiled_joints, spoiled_pixels
from wall_oss_ros.ros.stamps import to_stamp
from wall_oss_ros.ros.task_message import task_message

# The base among the joints of `sim_robot/truth`.
BASE_NAMES = ("base_x", "base_y", "base_yaw")


class SimOutputs:
    """Publishers of joint states, odometry, pictures, ground truth and clock."""

    def __init__(
        self, node: LifecycleNode, contract: RobotContract, faults: SimFaults, with_clock: bool
    ) -> None:
        """Create the publishers.

        Args:
            node: owner.
            contract: names the topics.
            faults: what the drivers suffer from now.
            with_clock: whether to publish /clock.
        """
        self._contract, self._faults = contract, faults
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
        # How the robot really moves, whatever its drivers say: for measurements of the faults.
        self._truth = create(JointState, "~/truth", qos.DRIVER)
        self._last: dict[str, Image] = {}
        self.pictures = dict.fromkeys(contract.cameras, 0)

    def publish_clock(self, time_ns: int) -> None:
        """Publish simulated time."""
        if self._clock is not None:
            self._clock.publish(Clock(clock=to_stamp(time_ns)))

    def publish_joints(self, sample: JointSample, stamp_ns: int) -> None:
        """Publish measured joints."""
        fault = self._faults.of("joint_states")
        if fault == "silence":
            return
        message = JointState(
            name=list(sample.names),
            position=sample.positions.tolist(),
            velocity=sample.velocities.tolist(),
        )
        message.header.stamp = to_stamp(stamp_ns)
        self._joints.publish(spoiled_joints(message, fault))

    @property
    def truth_wanted(self) -> bool:
        """Whether anybody listens to `publish_truth`."""
        return self._truth.get_subscription_count() > 0

    def publish_truth(self, sample: JointSample, pose: Array, twist: Array, stamp_ns: int) -> None:
        """Publish all joints and the base as three more, however faulty the drivers are."""
        message = JointState(
            name=[*sample.names, *BASE_NAMES],
            position=[*sample.positions.tolist(), *pose.tolist()],
            velocity=[*sample.velocities.tolist(), *twist.tolist()],
        )
        message.header.stamp = to_stamp(stamp_ns)
        self._truth.publish(message)

    def publish_odometry(self, pose: Array, twist: Array, stamp_ns: int) -> None:
        """Publish x, y [m], yaw [rad] in odom and vx, vy [m/s], wz [rad/s] in the base frame."""
        if self._odometry is None or self._faults.of("odometry") == "silence":
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

    def publish_pictures(
        self, pictures: Mapping[str, NDArray[np.uint8]], stamp: Callable[[], int]
    ) -> None:
        """Publish one picture (px, px, 3) uint8 RGB per camera, stamped by `stamp` [ns]."""
        ready: dict[str, Image] = {}
        for name, pixels in pictures.items():
            fault = self._faults.of(name)
            if fault == "silence":
                continue
            message = self._last.get(name)
            if fault not in ("freeze", "stall") or message is None:
                frame = self._contract.cameras[name].frame
                message = image_message(spoiled_pixels(pixels, fault), 0, frame)
            ready[name] = message
        # Stamped as they leave, one right after the other.
        for name, message in ready.items():
            fault = self._faults.of(name)
            if fault != "stall" or name not in self._last:
                message.header.stamp = to_stamp(stamp())
                message = spoiled_image(message, fault)
            self._images[name].publish(message)
            self._last[name] = message
            self.pictures[name] += 1
