"""Joints that give the tool poses of a dataset, which holds no joints of the arms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import DatasetError
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.core.rotation import Array, matrix_from_rot6d
from wall_oss_ros.kinematics.pose_solver import PoseSolver

# A frame counts as missed when a tool is farther from its pose than this [m], [rad] ...
POSITION_TOLERANCE_M, ROTATION_TOLERANCE_RAD = 1e-3, math.radians(0.5)
# ... and an episode is none of this robot when more than this share of its frames is.
MOST_MISSED = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class EpisodeJoints:
    """The joints of every frame, and how well their forward kinematics gives the poses.

    Attributes:
        names: joints of the contract, in its order.
        positions: (n, joints) [rad] or [m].
        velocities: (n, joints) [rad/s] or [m/s], differences of the positions.
        position_error: largest distance of a tool to its pose [m].
        rotation_error: largest angle of a tool to its pose [rad].
        missed: frames with a tool farther than the tolerance from its pose.
    """

    names: tuple[str, ...]
    positions: Array
    velocities: Array
    position_error: float
    rotation_error: float
    missed: int


def tools_of(row: Array) -> dict[str, Pose]:
    """Return the tool pose by side, in the arm's frame, of a row (26,)."""
    return {
        side: Pose(
            row[action_space.POSITION[side]], matrix_from_rot6d(row[action_space.ROTATION[side]])
        )
        for side in action_space.SIDES
    }


def direct_of(row: Array, contract: RobotContract) -> dict[str, float]:
    """Return the positions of lift and head by joint [m], [rad] of a row (26,)."""
    direct: dict[str, float] = {}
    if contract.lift is not None:
        direct[next(iter(contract.lift.joints))] = float(row[action_space.LIFT])
    if contract.head is not None:
        values = row[action_space.HEAD].tolist()
        direct.update(zip(contract.head.joints, values, strict=True))
    return direct


def episode_joints(
    states: Array, fps: int, contract: RobotContract, solver: PoseSolver, where: str
) -> EpisodeJoints:
    """Return joints for the states of an episode.

    The first frame is sought from the home posture, each other one from the frame before, so that
    elbows move on without jumps; they need not be where the recorded ones were.

    Args:
        states: (n, 26).
        fps: frames per second [Hz].
        contract: the robot.
        solver: of that robot.
        where: says in messages which episode this is.

    Raises:
        DatasetError: if the robot cannot reach the poses of too many frames.
    """
    solver.start()
    names, rows = contract.joint_names, []
    errors = np.empty((len(states), 2))
    for frame, state in enumerate(states):
        solved = solver.solve(tools_of(state), direct_of(state, contract))
        joints = {**solved.positions, **_grippers(state, contract)}
        rows.append([joints[name] for name in names])
        errors[frame] = solved.position_error, solved.rotation_error
    missed = np.flatnonzero((errors > (POSITION_TOLERANCE_M, ROTATION_TOLERANCE_RAD)).any(axis=1))
    worst_m, worst_rad = errors.max(axis=0).tolist()
    if len(missed) > MOST_MISSED * len(states):
        raise DatasetError(
            f"{where}: '{contract.name}' cannot reach the tool poses of {len(missed)} of "
            f"{len(states)} frames, the first of them {missed[0]} (worst {worst_m * 1e3:.1f} mm, "
            f"{math.degrees(worst_rad):.1f} deg; at most {MOST_MISSED:.0%} may be farther than "
            f"{POSITION_TOLERANCE_M * 1e3:g} mm or {math.degrees(ROTATION_TOLERANCE_RAD):g} deg): "
            "its arm frames, tools or joint limits are not the recorded robot's; correct the "
            "contract, or leave the episode out with --episodes"
        )
    positions = np.array(rows)
    velocities = np.zeros_like(positions)
    if len(positions) > 1:
        velocities = np.gradient(positions, 1.0 / fps, axis=0)
    return EpisodeJoints(names, positions, velocities, worst_m, worst_rad, len(missed))


def _grippers(row: Array, contract: RobotContract) -> dict[str, float]:
    joints = {}
    for side, gripper in contract.grippers.items():
        # Not clipped: a finger that was measured a little beyond its range stays there.
        opening = gripper.opening_from_model(float(row[action_space.GRIPPER[side]]))
        joints[gripper.joint] = gripper.closed + opening * (gripper.open - gripper.closed)
    return joints
