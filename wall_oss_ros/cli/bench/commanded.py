"""How fast the supervisor let every axis be, from what it sent to the controllers.

The measured speed would not do: a simulated (and a real) joint sticks, and then catches up faster
than it was told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from geometry_msgs.msg import TwistStamped

from wall_oss_ros.cli.bench.monitor import Arrival
from wall_oss_ros.core.contract import RobotContract

# Steps between setpoints are summed over so many messages, which never come in less than so long
# on the whole: the loop's period is 10 ms, but two messages may arrive together.
_MESSAGES, _PERIOD_NS = 5, 10_000_000
# A controller that was quiet for longer starts again where the robot is [ns].
_QUIET_NS = 150_000_000


def commanded_share(
    contract: RobotContract, told: Mapping[str, Sequence[Arrival]]
) -> tuple[float, str]:
    """Return the largest commanded speed as a share of its limit in the contract, and of what.

    Args:
        contract: limits, joints and topics.
        told: what arrived, by controller topic; topics that were not watched may be missing.
    """
    limits = {name: joint.velocity for name, joint in contract.limited_joints.items()}
    limits.update({gripper.joint: gripper.velocity for gripper in contract.grippers.values()})
    shares = [(0.0, "")]
    for part, controller in contract.joint_controllers.items():
        joints = contract.part_joints[part]
        # A gripper is sent goals, which its controller approaches at a speed of its own: only a
        # stated speed can be too fast.
        goals = part.endswith("_gripper")
        for speeds in _joint_speeds(told.get(controller.topic, ()), goals):
            shares += [
                (speed / limits[name], name) for name, speed in zip(joints, speeds, strict=True)
            ]
    if contract.base is not None:
        base = contract.base
        for arrival in told.get(base.controller.topic, ()):
            message = arrival.message
            twist = message.twist if isinstance(message, TwistStamped) else message
            speed = float(np.hypot(twist.linear.x, twist.linear.y))
            shares.append((speed / base.linear_velocity, "base"))
            shares.append((abs(twist.angular.z) / base.angular_velocity, "base, turning"))
    return max(shares)


def _joint_speeds(told: Sequence[Arrival], goals: bool) -> Iterator[list[float]]:
    """Yield speeds per joint: those that are stated, and, but for goals, those of the positions."""
    if not told or not hasattr(told[0].message, "points"):
        return  # positions alone, or poses: no joint's speed can be told
    points = [arrival.message.points[0] for arrival in told]
    yield np.abs([point.velocities for point in points]).max(axis=0).tolist()
    if goals:
        return
    times = np.array([arrival.ns for arrival in told])
    places = np.array([point.positions for point in points])
    for end in range(_MESSAGES, len(told)):
        begin = end - _MESSAGES
        if np.diff(times[begin : end + 1]).max() > _QUIET_NS:
            continue
        time_s = max(times[end] - times[begin], _MESSAGES * _PERIOD_NS) * 1e-9
        yield (np.abs(places[end] - places[begin]) / time_s).tolist()
