"""How fast this machine is, by a piece of work that was measured on others."""

from __future__ import annotations

import time

import rclpy
from sensor_msgs.msg import JointState

from wall_oss_ros.ros import qos

# A thread with absolute deadlines that publishes seven joints 200 times a second, to nobody: 1.4 to
# 2.3 % of a core of the machine on which the budgets of this project were set; its middle.
_REFERENCE_SHARE = 0.0185
_RATE_HZ, _JOINTS = 200.0, 7
_WARM_UP_S = 1.0


def slowness(seconds: float = 5.0) -> float:
    """Return how many times as long this machine takes for small Python work as the reference.

    A share of a core says nothing without it: the same hour's figures of two machines differ by a
    factor of three.

    Args:
        seconds: how long to measure; the machine should be idle but for this.
    """
    context = rclpy.Context()
    context.init()
    node = rclpy.create_node("wall_oss_yardstick", context=context)
    try:
        publisher = node.create_publisher(JointState, "~/joints", qos.NEWEST)
        message = JointState(
            name=[f"joint_{number}" for number in range(_JOINTS)], position=[0.0] * _JOINTS
        )
        # Not a DeadlineLoop: what that measures of itself is not in the reference.
        for length in (_WARM_UP_S, seconds):
            begin, before = time.monotonic(), time.thread_time()
            for tick in range(round(length * _RATE_HZ)):
                time.sleep(max(0.0, begin + tick / _RATE_HZ - time.monotonic()))
                publisher.publish(message)
            share = (time.thread_time() - before) / (time.monotonic() - begin)
    finally:
        node.destroy_node()
        context.try_shutdown()
    return share / _REFERENCE_SHARE
