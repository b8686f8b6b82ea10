"""Joint positions stay inside their range and never move faster than their limit."""

from __future__ import annotations

from wall_oss_ros.core.command import RobotCommand
from wall_oss_ros.core.contract import RobotContract
from wall_oss_ros.core.safety.rule import Situation, passed
from wall_oss_ros.core.safety.verdict import Severity, Verdict

# Rounding of message and solver; below it a clip is not worth a word.
_POSITION_SLACK = 1e-6
_SPEED_SLACK = 1.001


class JointLimits:
    """Clips positions to the contract's range and steps from the last sent one to its speed."""

    name = "joint_limits"

    def __init__(self, contract: RobotContract) -> None:
        speeds = {name: joint.velocity for name, joint in contract.limited_joints.items()}
        # A gripper command is a goal, not a motion: its controller moves at its own speed.
        self._limits: dict[str, tuple[float, float, float]] = {
            name: (low, high, speeds.get(name, float("inf")))
            for name, (low, high) in contract.joint_ranges.items()
        }

    def check(self, command: RobotCommand, situation: Situation) -> Verdict:
        """Limit positions, steps and velocities; the reason names the worst joint."""
        positions: dict[str, float] = {}
        velocities: dict[str, float] = {}
        worst, reason = 0.0, ""
        for joint, wanted in command.positions.items():
            low, high, speed = self._limits[joint]
            allowed = min(max(wanted, low), high)
            excess = abs(wanted - allowed)
            if excess > max(worst, _POSITION_SLACK):
                worst, reason = excess, f"'{joint}' at {wanted:.3f}, range {low:.3f} .. {high:.3f}"
            last = situation.sent.positions.get(joint)
            if last is not None:
                step = speed * situation.dt
                # A joint that starts outside its range may come back, at its speed.
                near = min(max(allowed, last - step), last + step)
                if abs(near - allowed) > max(worst, step * (_SPEED_SLACK - 1)):
                    worst = abs(near - allowed)
                    wanted_speed = abs(allowed - last) / situation.dt
                    reason = f"'{joint}' at speed {wanted_speed:.2f}, limit {speed:.2f}"
                allowed = near
            if allowed != wanted:
                positions[joint] = allowed
            velocity = command.velocities[joint]
            if abs(velocity) > speed:
                velocities[joint] = min(max(velocity, -speed), speed)
        if not reason:
            return passed(self.name, command.changed(positions=positions, velocities=velocities))
        limited = command.changed(positions=positions, velocities=velocities)
        return Verdict(Severity.LIMIT, self.name, reason, limited)
