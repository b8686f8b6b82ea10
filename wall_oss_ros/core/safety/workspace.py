"""Each tool stays inside the box that the contract gives its arm."""

from __future__ import annotations

from collections.abc import Sequence

from wall_oss_ros.core import action_space
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.kinematics import Survey
from wall_oss_ros.core.safety.barrier import Gap


class Workspace:
    """The distance of each tool to the nearest face of its box, in the arm's frame."""

    name = "workspace"
    links: Sequence[str] = ()

    def __init__(self, contract: RobotContract, margin_m: float) -> None:
        """Create the barrier.

        Args:
            contract: the robot.
            margin_m: distance to a face below which motion towards it slows down [m].
        """
        self._margin_m = margin_m
        self._boxes = tuple(
            (side, contract.arms[side].workspace, f"{side} tool to the edge of its workspace")
            for side in action_space.SIDES
        )

    def gaps(self, survey: Survey) -> Sequence[Gap]:
        """Return one gap per arm."""
        return [
            Gap(-box.distance(survey.tools[side].position.tolist()), self._margin_m, what)
            for side, box, what in self._boxes
        ]
