"""Names and indices of a kinematic model: joint vectors from names, poses from MuJoCo's arrays.

Nothing here holds a posture: whoever owns an `mujoco.MjData` brings it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.errors import RobotModelError, choices
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.pose import Pose
from wall_oss_ros.kinematics.robot_model import ROOT_LINK

Array = NDArray[np.float64]


class Frames:
    """What stands where in the arrays of one kinematic model.

    Args:
        model: from `robot_model.kinematic_model`.
        contract: the same contract.

    Attributes:
        names: joints in the model's order: arms, lift and head.
        index: position of each joint in `names`.
        units: of each joint's position, "rad" or "m".
        sides: arms, in the contract's order.
        arm_joints: per side, indices of its joints from shoulder to wrist.
        sites: per side, the site at the tool point.
        arm_frames: per side, the body that its tool poses are expressed in.

    Raises:
        RobotModelError: if the frame of an arm moves with the arm.
    """

    def __init__(self, model: mujoco.MjModel, contract: RobotContract) -> None:
        self._model = model
        self.names = tuple(model.joint(i).name for i in range(model.njnt))
        self.index = {name: i for i, name in enumerate(self.names)}
        self.units = tuple(
            "m" if contract.limited_joints[name].type == "prismatic" else "rad"
            for name in self.names
        )
        self.sides = tuple(contract.arms)
        self.arm_joints = {
            side: np.array([self.index[name] for name in arm.joints])
            for side, arm in contract.arms.items()
        }
        self.sites = {side: int(model.site(f"tool_{side}").id) for side in self.sides}
        self.arm_frames = {side: self._carrier(side, contract) for side in self.sides}
        self._base = int(model.body(contract.base_frame).id)
        self._links = {model.body(i).name: i for i in range(1, model.nbody)}
        self._links.pop(ROOT_LINK)

    def vector(self, positions: Mapping[str, float]) -> Array:
        """Return joint positions (n,) in the model's order.

        Raises:
            ValueError: if a joint of arms, lift or head is missing or not finite.
        """
        try:
            values = [positions[name] for name in self.names]
        except KeyError:
            missing = [name for name in self.names if name not in positions]
            raise ValueError(f"positions lack the joints {missing}") from None
        # One sum is not finite as soon as one value is not (or values are absurdly large).
        if not math.isfinite(sum(values)):
            raise ValueError(f"positions are not finite: {dict(positions)}")
        return np.array(values, dtype=np.float64)

    def named(self, vector: Array) -> dict[str, float]:
        """Return values by joint name of a vector (n,) in the model's order."""
        return dict(zip(self.names, vector.tolist(), strict=True))

    def tools(self, data: mujoco.MjData) -> dict[str, Pose]:
        """Return the tool pose by side, in the arm's frame."""
        return {side: self._tool(data, side, self.arm_frames[side]) for side in self.sides}

    def survey(
        self, data: mujoco.MjData, links: Sequence[str], clearance: float, nearest: tuple[str, ...]
    ) -> Survey:
        """Return the survey of a posture whose poses are up to date in `data`.

        Raises:
            ValueError: for a link that the URDF lacks.
        """
        tools = self.tools(data)
        in_base = {
            # A pose is immutable: the same one serves where the two frames are one.
            side: tools[side] if frame == self._base else self._tool(data, side, self._base)
            for side, frame in self.arm_frames.items()
        }
        poses = {name: self._link(data, name) for name in links}
        return Survey(tools, in_base, poses, clearance, nearest)

    def _tool(self, data: mujoco.MjData, side: str, frame: int) -> Pose:
        site = self.sites[side]
        return _seen_from(data, frame, data.site_xpos[site], data.site_xmat[site])

    def _link(self, data: mujoco.MjData, name: str) -> Pose:
        body = self._links.get(name)
        if body is None:
            raise ValueError(f"'{name}' is not a link of the URDF; it has {choices(self._links)}")
        return _seen_from(data, self._base, data.xpos[body], data.xmat[body])

    def _carrier(self, side: str, contract: RobotContract) -> int:
        arm, model = contract.arms[side], self._model
        body = ancestor = int(model.body(arm.frame).id)
        while ancestor != 0:
            first = model.body_jntadr[ancestor]
            if first >= 0 and self.names[first] in arm.joints:
                raise RobotModelError(
                    f"arms.{side}.frame '{arm.frame}' moves with the {side} arm itself; name a "
                    "link that carries the arm"
                )
            ancestor = int(model.body_parentid[ancestor])
        return body


def _seen_from(data: mujoco.MjData, frame: int, position: Array, rotation: Array) -> Pose:
    """Return a pose of the world, (3,) and (9,), in the frame of a body."""
    inward = data.xmat[frame].reshape(3, 3).T
    return Pose(inward @ (position - data.xpos[frame]), inward @ rotation.reshape(3, 3))
