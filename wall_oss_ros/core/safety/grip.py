"""What an e-stop tells the grippers: one that moves stops, one that holds goes on holding."""

from __future__ import annotations

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.observation import JointSample

# A gripper that moves faster than this share of its largest speed is on its way, not holding.
_ON_ITS_WAY = 0.05


class Grip:
    """Remembers each gripper's last goal.

    A closed gripper is held at its goal and not where it is measured: what it grips keeps it from
    the goal, and at the measured position it would let go.
    """

    def __init__(self, contract: RobotContract) -> None:
        self._grippers = {f"{side}_gripper": gripper for side, gripper in contract.grippers.items()}
        self._goals: dict[str, float] = {}

    def sent(self, command: RobotCommand) -> None:
        """Take what went to the controllers."""
        for part in command.parts & self._grippers.keys():
            joint = self._grippers[part].joint
            self._goals[joint] = command.positions[joint]

    def stop(self, measured: JointSample, fresh: bool) -> dict[str, float]:
        """Return the position by joint [rad] or [m] at which each gripper is to stay from now on.

        A gripper that stands and was never commanded is left out: there is nothing to stop.

        Args:
            measured: newest measured joints.
            fresh: whether they are new enough to tell what moves.
        """
        if fresh:
            positions = measured.position_of()
            speeds = dict(zip(measured.names, measured.velocities.tolist(), strict=True))
            for gripper in self._grippers.values():
                if abs(speeds[gripper.joint]) > _ON_ITS_WAY * gripper.velocity:
                    low, high = sorted((gripper.closed, gripper.open))
                    self._goals[gripper.joint] = min(max(positions[gripper.joint], low), high)
        return dict(self._goals)
