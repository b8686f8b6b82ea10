"""Observations as messages."""

from __future__ import annotations

import numpy as np

from wall_oss_ros.core.action_space import ACTION_DIM
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import MessageError
from wall_oss_ros.core.observation import CameraFrame, JointSample, Observation
from wall_oss_ros.core.pose import frozen_array
from wall_oss_ros.messages.geometry import pose_from, twist_from
from wall_oss_ros.messages.images import decode_image
from wall_oss_ros.messages.stamps import SECOND_NS, to_ns
from wall_oss_ros.msg import CameraFrame as CameraFrameMessage
from wall_oss_ros.msg import Observation as ObservationMessage
from wall_oss_ros.ros.geometry import pose_message, twist_message
from wall_oss_ros.ros.images import as_rgb_message
from wall_oss_ros.ros.stamps import to_stamp


def observation_message(observation: Observation, contract: RobotContract) -> ObservationMessage:
    """Return an observation as a message; pictures that came as rgb8 are passed on unchanged."""
    message = ObservationMessage(
        seq=observation.seq,
        skew=observation.skew_s,
        joint_names=list(observation.joints.names),
        joint_positions=observation.joints.positions.tolist(),
        joint_velocities=observation.joints.velocities.tolist(),
        joint_age=observation.joint_age_s,
        left_tool=pose_message(observation.tools["left"]),
        right_tool=pose_message(observation.tools["right"]),
        base_twist=twist_message(observation.base_twist),
        state=observation.state,
        schema=observation.schema,
    )
    message.header.stamp = to_stamp(observation.stamp_ns)
    message.header.frame_id = contract.base_frame
    message.cameras = [
        CameraFrameMessage(
            name=frame.name,
            label=frame.label,
            capture_stamp=to_stamp(frame.stamp_ns),
            age=frame.age_s,
            image=as_rgb_message(frame.source, frame.pixels),
        )
        for frame in observation.cameras
    ]
    return message


def observation_from(message: ObservationMessage, contract: RobotContract) -> Observation:
    """Return the observation of a message.

    Raises:
        MessageError: if it was made for another contract, or is not finite.
    """
    if message.schema != contract.schema_hash:
        raise MessageError(
            f"observation was made for robot contract {message.schema}, this node has "
            f"{contract.schema_hash} ({contract.name}); give all nodes the same contract"
        )
    state = np.asarray(message.state, np.float64)
    if state.shape != (ACTION_DIM,) or not np.all(np.isfinite(state)):
        raise MessageError("observation state is not 26 finite numbers")
    stamp_ns = to_ns(message.header.stamp)
    frames = tuple(
        CameraFrame(
            name=frame.name,
            label=frame.label,
            stamp_ns=to_ns(frame.capture_stamp),
            age_s=frame.age,
            pixels=decode_image(frame.image),
        )
        for frame in message.cameras
    )
    return Observation(
        stamp_ns=stamp_ns,
        seq=message.seq,
        cameras=frames,
        skew_s=message.skew,
        joints=JointSample(
            stamp_ns - round(message.joint_age * SECOND_NS),
            tuple(message.joint_names),
            np.asarray(message.joint_positions),
            np.asarray(message.joint_velocities),
        ),
        joint_age_s=message.joint_age,
        tools={"left": pose_from(message.left_tool), "right": pose_from(message.right_tool)},
        base_twist=frozen_array(twist_from(message.base_twist)),
        state=frozen_array(state),
        schema=message.schema,
    )
