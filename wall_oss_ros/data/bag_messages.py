"""Core objects as messages without ROS: what a bag is written with where no node publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rosbags.typesys.store import Typestore

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.messages.commands import PART_BITS
from wall_oss_ros.messages.stamps import SECOND_NS

_NOWHERE = Pose(np.zeros(3), np.eye(3))


class BagMessages:
    """Makes messages of a typestore; the counterpart of `wall_oss_ros.messages`.

    Args:
        types: knows all types of an episode, see `message_types.suite_types`.
    """

    def __init__(self, types: Typestore) -> None:
        self._types = types

    def data(self, message: Any) -> bytes:
        """Return a message's CDR bytes with their header."""
        return bytes(self._types.serialize_cdr(message, message.__msgtype__))

    def text(self, text: str) -> Any:
        """Return a std_msgs/String."""
        return self._make("std_msgs/msg/String", data=text)

    def image(self, stamp_ns: int, frame: str, pixels: NDArray[np.uint8]) -> Any:
        """Return a sensor_msgs/Image.

        Args:
            stamp_ns: its stamp [ns].
            frame: the camera's optical frame.
            pixels: (height, width, 3) RGB.
        """
        height, width, _ = pixels.shape
        return self._make(
            "sensor_msgs/msg/Image",
            header=self._header(stamp_ns, frame),
            height=height,
            width=width,
            encoding="rgb8",
            is_bigendian=0,
            step=width * 3,
            data=np.ascontiguousarray(pixels).reshape(-1),
        )

    def joint_states(
        self, stamp_ns: int, positions: Mapping[str, float], velocities: Mapping[str, float]
    ) -> Any:
        """Return a sensor_msgs/JointState of positions and velocities by name."""
        return self._make(
            "sensor_msgs/msg/JointState",
            header=self._header(stamp_ns),
            name=list(positions),
            position=np.array([*positions.values()], np.float64),
            velocity=np.array([velocities[name] for name in positions], np.float64),
            effort=np.zeros(0),
        )

    def odometry(
        self, stamp_ns: int, frame: str, base_frame: str, pose: Pose, twist: ArrayLike
    ) -> Any:
        """Return a nav_msgs/Odometry with covariances of 0.

        Args:
            stamp_ns: its stamp [ns].
            frame: what the pose is expressed in.
            base_frame: what moves, and what the twist is expressed in.
            pose: of the base.
            twist: (3,) vx, vy [m/s], wz [rad/s].
        """
        return self._make(
            "nav_msgs/msg/Odometry",
            header=self._header(stamp_ns, frame),
            child_frame_id=base_frame,
            pose=self._make(
                "geometry_msgs/msg/PoseWithCovariance",
                pose=self._pose(pose),
                covariance=np.zeros(36),
            ),
            twist=self._make(
                "geometry_msgs/msg/TwistWithCovariance",
                twist=self._twist(twist),
                covariance=np.zeros(36),
            ),
        )

    def command(self, command: RobotCommand, contract: RobotContract) -> Any:
        """Return a wall_oss_ros/RobotCommand; what it leaves alone is 0."""
        positions = command.positions
        lift = [] if contract.lift is None else list(contract.lift.joints)
        head = [] if contract.head is None else list(contract.head.joints)
        return self._make(
            "wall_oss_ros/msg/RobotCommand",
            header=self._header(command.stamp_ns, contract.base_frame),
            source_seq=command.source_seq,
            source_epoch=command.source_epoch,
            source_stamp=self._time(command.source_stamp_ns),
            joint_names=list(positions),
            joint_positions=np.array([*positions.values()], np.float64),
            joint_velocities=np.array([command.velocities[name] for name in positions], np.float64),
            left_tool=self._pose(command.tools.get("left", _NOWHERE)),
            right_tool=self._pose(command.tools.get("right", _NOWHERE)),
            left_gripper=float(command.grippers.get("left", 0.0)),
            right_gripper=float(command.grippers.get("right", 0.0)),
            base_twist=self._twist(command.base_twist),
            lift=float(positions.get(lift[0], 0.0)) if lift else 0.0,
            head=np.array([positions.get(name, 0.0) for name in head] or [0.0, 0.0]),
            parts=sum(PART_BITS[part] for part in command.parts),
        )

    def _make(self, kind: str, **fields: Any) -> Any:
        return self._types.types[kind](**fields)

    def _time(self, stamp_ns: int) -> Any:
        sec, nanosec = divmod(int(stamp_ns), SECOND_NS)
        return self._make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)

    def _header(self, stamp_ns: int, frame: str = "") -> Any:
        return self._make("std_msgs/msg/Header", stamp=self._time(stamp_ns), frame_id=frame)

    def _pose(self, pose: Pose) -> Any:
        x, y, z = pose.position.tolist()
        qx, qy, qz, qw = pose.quaternion.tolist()
        return self._make(
            "geometry_msgs/msg/Pose",
            position=self._make("geometry_msgs/msg/Point", x=x, y=y, z=z),
            orientation=self._make("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
        )

    def _twist(self, twist: ArrayLike) -> Any:
        vx, vy, wz = np.asarray(twist, np.float64).tolist()
        return self._make(
            "geometry_msgs/msg/Twist",
            linear=self._make("geometry_msgs/msg/Vector3", x=vx, y=vy, z=0.0),
            angular=self._make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=wz),
        )
