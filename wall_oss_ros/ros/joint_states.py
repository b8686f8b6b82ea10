"""JointState messages to measured joints."""

from __future__ import annotations

from sensor_msgs.msg import JointState

from wall_oss_ros.core.joints import JointSelector
from wall_oss_ros.core.observation import JointSample
from wall_oss_ros.ros.stamps import to_ns


def joint_sample(message: JointState, selector: JointSelector) -> JointSample:
    """Return the wanted joints of a message.

    Raises:
        MessageError: see `JointSelector.select`.
    """
    return selector.select(
        to_ns(message.header.stamp), message.name, message.position, message.velocity
    )
