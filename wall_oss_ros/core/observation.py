"""What the policy sees at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core import action_space, rotation
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.pose import Pose, frozen_array
from wall_oss_ros.core.rotation import Array


@dataclass(frozen=True, slots=True, eq=False)
class CameraFrame:
    """One picture.

    Attributes:
        name: camera name in the contract.
        label: what the model calls it.
        stamp_ns: capture time [ns].
        age_s: how old it was when the observation was made [s].
        pixels: (height, width, 3) uint8 RGB.
        source: the message it came in, where there is one, so that it can be passed on unchanged.
    """

    name: str
    label: str
    stamp_ns: int
    age_s: float
    pixels: NDArray[np.uint8]
    source: object = None


@dataclass(frozen=True, slots=True, eq=False)
class JointSample:
    """Measured joints at one time: names, positions and velocities [rad, m, rad/s, m/s]."""

    stamp_ns: int
    names: tuple[str, ...]
    positions: Array
    velocities: Array

    def __post_init__(self) -> None:
        shape = (len(self.names),)
        object.__setattr__(self, "positions", frozen_array(self.positions, shape))
        object.__setattr__(self, "velocities", frozen_array(self.velocities, shape))

    def position_of(self) -> dict[str, float]:
        """Return positions by name."""
        return dict(zip(self.names, self.positions.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """Everything the policy sees at one instant.

    Attributes:
        stamp_ns: capture time it stands for [ns].
        seq: counts observations.
        cameras: one per camera of the contract, in its order.
        skew_s: newest minus oldest capture among the cameras [s].
        joints: newest joint sample not later than `stamp_ns`, in the contract's joint order.
        joint_age_s: `stamp_ns` minus the stamp of that sample [s].
        tools: tool pose by side, in the arm's frame.
        base_twist: vx, vy [m/s], wz [rad/s] in the base frame.
        state: (26,), see `action_space`.
        schema: the contract's schema hash.
    """

    stamp_ns: int
    seq: int
    cameras: tuple[CameraFrame, ...]
    skew_s: float
    joints: JointSample
    joint_age_s: float
    tools: Mapping[str, Pose]
    base_twist: Array
    state: Array
    schema: str


def state_vector(
    contract: RobotContract,
    positions: Mapping[str, float],
    tools: Mapping[str, Pose],
    base_twist: Array,
) -> Array:
    """Return the model's state (26,) from measured joints, tool poses and base twist.

    Parts that the robot does not have are 0; the model masks them.

    Args:
        contract: the robot.
        positions: joint positions by name [rad] or [m].
        tools: tool pose by side, in the arm's frame.
        base_twist: (3,) vx, vy [m/s], wz [rad/s].
    """
    state = np.zeros(action_space.ACTION_DIM)
    for side in action_space.SIDES:
        gripper = contract.grippers[side]
        opening = gripper.opening_from_joint(positions[gripper.joint])
        state[action_space.POSITION[side]] = tools[side].position
        state[action_space.ROTATION[side]] = rotation.rot6d_from_matrix(tools[side].rotation)
        state[action_space.GRIPPER[side]] = gripper.model_from_opening(opening)
    if contract.base is not None:
        state[action_space.BASE] = base_twist
    if contract.lift is not None:
        state[action_space.LIFT] = positions[next(iter(contract.lift.joints))]
    if contract.head is not None:
        state[action_space.HEAD] = [positions[name] for name in contract.head.joints]
    return frozen_array(state)
